// Bins with moments against sums over the samples themselves.
#include "harness/method/histogram.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "harness/method/calibration_rows.h"

namespace assay {
namespace {

at::Tensor normal_rows(std::int64_t rows, std::int64_t neurons, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(-0.3F, 1.2F);
  at::Tensor z = at::empty({rows, neurons}, at::kFloat);
  for (std::int64_t i = 0; i < z.numel(); ++i) z.mutable_data_ptr<float>()[i] = normal(engine);
  return z;
}

ResponseHistogram histogram_of(const at::Tensor& z, const at::Tensor& s, std::int64_t bins) {
  const std::int64_t neurons = z.size(1);
  ResponseHistogram histogram(BinScale(at::full({neurons}, -3.0), at::full({neurons}, 3.0), bins));
  for (std::int64_t i = 0; i < z.size(0); i += 300) {  // batches, the last one short
    const std::int64_t n = std::min<std::int64_t>(300, z.size(0) - i);
    histogram.add(z.narrow(0, i, n), s.narrow(0, i, n));
  }
  histogram.accumulate();
  return histogram;
}

struct Direct {
  double n = 0, slope = 0, intercept = 0, error = 0;
};

/// Least squares with means first, over the samples in [low, high).
Direct direct_fit(const at::Tensor& z, const at::Tensor& s, std::int64_t neuron, double low,
                  double high) {
  std::vector<double> x, y;
  for (std::int64_t i = 0; i < z.size(0); ++i) {
    const double value = z.const_data_ptr<float>()[i * z.size(1) + neuron];
    if (value < low || value >= high) continue;
    x.push_back(value);
    y.push_back(s.const_data_ptr<float>()[i * z.size(1) + neuron]);
  }
  Direct fit;
  fit.n = static_cast<double>(x.size());
  double mx = 0, my = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mx += x[i] / fit.n, my += y[i] / fit.n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mx) * (x[i] - mx);
    xy += (x[i] - mx) * (y[i] - my);
  }
  fit.slope = xy / xx;
  fit.intercept = my - fit.slope * mx;
  for (std::size_t i = 0; i < x.size(); ++i) {
    fit.error += std::pow(y[i] - fit.slope * x[i] - fit.intercept, 2);
  }
  return fit;
}

TEST(ResponseHistogram, LineAndErrorOfAnyWindowEqualDirectLeastSquares) {
  const at::Tensor z = normal_rows(2000, 3, 1), s = at::gelu(z);
  const ResponseHistogram histogram = histogram_of(z, s, 96);
  std::mt19937_64 engine(2);
  for (int trial = 0; trial < 200; ++trial) {
    const auto neuron = static_cast<std::int64_t>(engine() % 3);
    const auto first = static_cast<std::int64_t>(engine() % 80) + 1;
    const auto last = first + 4 + static_cast<std::int64_t>(engine() % 11);
    const BinScale& scale = histogram.scale();
    const Direct direct =
        direct_fit(z, s, neuron, scale.edge(neuron, first), scale.edge(neuron, last));
    const Moments inside = histogram.moments(neuron, first, last);
    ASSERT_EQ(inside.n, direct.n);
    if (direct.n < 3) continue;
    EXPECT_NEAR(inside.line().slope, direct.slope, 1e-9);
    EXPECT_NEAR(inside.line().intercept, direct.intercept, 1e-9);
    EXPECT_NEAR(inside.error(inside.line()), direct.error, 1e-9);
    EXPECT_NEAR(inside.least_error(), direct.error, 1e-9);
    EXPECT_EQ(histogram.count(neuron, first, last), direct.n);
  }
}

TEST(ResponseHistogram, ErrorOfAnotherLineIsTheSumOfItsSquares) {
  const at::Tensor z = normal_rows(500, 1, 3), s = at::gelu(z);
  const ResponseHistogram histogram = histogram_of(z, s, 64);
  const Line line{0.7, -0.2};
  const double direct = s.sub(z.mul(0.7)).add(0.2).to(at::kDouble).square().sum().item<double>();
  EXPECT_NEAR(histogram.moments(0, 0, 64).error(line), direct, 1e-3);
}

TEST(ResponseHistogram, AReluIsExactOnEitherSide) {
  const at::Tensor z = normal_rows(3000, 1, 4), s = at::relu(z);
  const ResponseHistogram histogram = histogram_of(z, s, 64);  // an edge lies at 0
  const Moments negative = histogram.moments(0, 0, 32), positive = histogram.moments(0, 32, 64);
  EXPECT_EQ(negative.line().slope, 0);
  EXPECT_EQ(negative.line().intercept, 0);
  EXPECT_EQ(negative.error(negative.line()), 0);
  EXPECT_NEAR(positive.line().slope, 1, 1e-12);
  EXPECT_NEAR(positive.line().intercept, 0, 1e-12);
}

/// Expectations of GELU under a normal law, by Stein's lemma; the golden values are published with
/// the closed form.
struct Gaussian {
  double mean, deviation, slope, intercept;
};

class GaussianLine : public ::testing::TestWithParam<Gaussian> {};

double gelu(double z) { return 0.5 * z * std::erfc(-z / std::sqrt(2.0)); }

/// Moments of 200,000 equal steps over +-10 deviations, weighted by the density.
Moments quadrature(const Gaussian& law) {
  Moments sums;
  const int steps = 200000;
  const double h = 20.0 * law.deviation / steps;
  for (int i = 0; i <= steps; ++i) {
    const double z = law.mean - 10 * law.deviation + h * i;
    const double u = (z - law.mean) / law.deviation;
    const double w = std::exp(-0.5 * u * u);
    const double s = gelu(z);
    sums += {w, w * z, w * z * z, w * s, w * s * s, w * z * s};
  }
  return sums;
}

TEST_P(GaussianLine, ClosedFormEqualsQuadrature) {
  const auto [mean, deviation, slope, intercept] = GetParam();
  const double spread = std::sqrt(1 + deviation * deviation), m = mean / spread;
  const double cdf = 0.5 * std::erfc(-m / std::sqrt(2.0));
  const double pdf = std::exp(-0.5 * m * m) / std::sqrt(2 * M_PI);
  const double a = cdf + mean * pdf / std::pow(spread, 3);
  const double c = mean * cdf + deviation * deviation / spread * pdf - a * mean;
  EXPECT_NEAR(a, slope, 1e-6);
  EXPECT_NEAR(c, intercept, 1e-6);
  const Line line = quadrature(GetParam()).line();
  EXPECT_NEAR(line.slope, slope, 1e-5);
  EXPECT_NEAR(line.intercept, intercept, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Golden, GaussianLine,
                         ::testing::Values(Gaussian{0, 1, 0.5, 0.2820948},
                                           Gaussian{-1, 1, 0.1299022, 0.1098478},
                                           Gaussian{0.3, 2, 0.5639724, 0.7040730}));

TEST(BinScale, ValuesBeyondTheEndsGoToTheEndBins) {
  const BinScale scale(at::full({1}, -1.0), at::full({1}, 1.0), 4);
  EXPECT_EQ(scale.bin(0, -7), 0);
  EXPECT_EQ(scale.bin(0, -1), 0);
  EXPECT_EQ(scale.bin(0, 0.1), 2);
  EXPECT_EQ(scale.bin(0, 1), 3);
  EXPECT_EQ(scale.bin(0, 9), 3);
  EXPECT_EQ(scale.edge(0, 4), 1);
}

TEST(BinScale, ADeadNeuronHasOneBin) {
  const BinScale scale(at::full({1}, 2.0), at::full({1}, 2.0), 4);
  EXPECT_EQ(scale.bin(0, 2), 0);
  EXPECT_EQ(scale.edge(0, 4), 2);
  ResponseHistogram histogram(scale);
  histogram.add(at::full({5, 1}, 2.0), at::full({5, 1}, 0.5));
  histogram.accumulate();
  EXPECT_EQ(histogram.moments(0, 0, 1).line().slope, 0);
  EXPECT_EQ(histogram.moments(0, 0, 1).line().intercept, 0.5);
}

TEST(CountHistogram, SharesAreThoseOfTheSamples) {
  const at::Tensor z = normal_rows(20000, 2, 5);
  CountHistogram histogram(BinScale(at::full({2}, -3.0), at::full({2}, 3.0), 256));
  histogram.add(z);
  histogram.accumulate();
  for (const double value : {-2.0, -0.31, 0.0, 1.234}) {
    const double direct = z.select(1, 1).lt(value).to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(histogram.share_below(1, value), direct, 0.003);
  }
  EXPECT_EQ(histogram.share_below(0, -5), 0);
  EXPECT_EQ(histogram.share_below(0, 5), 1);
}

StepContext step_of(std::int64_t batch, std::int64_t tokens) {
  StepContext step;
  step.batch = batch;
  step.tokens = tokens;
  return step;
}

TEST(CalibrationRows, LeaveOutFirstTokensAndOtherSamples) {
  CalibrationRows rows({.skip_first_tokens = 1, .begin_sample = 1, .end_sample = 3});
  const at::Tensor values = at::arange(0, 12, at::kFloat).view({12, 1});  // 4 samples of 3 tokens
  const at::Tensor first = rows.select(values.narrow(0, 0, 6), step_of(2, 3));
  const at::Tensor second = rows.select(values.narrow(0, 6, 6), step_of(2, 3));
  EXPECT_TRUE(first.flatten().equal(at::arange(4, 6, at::kFloat)));
  EXPECT_TRUE(second.flatten().equal(at::arange(7, 9, at::kFloat)));
}

TEST(CalibrationRows, AnEighthIsHeldOut) {
  EXPECT_EQ(fitted_samples(128), 112);
  EXPECT_EQ(fitted_samples(4), 3);
  EXPECT_EQ(fitted_samples(1), 1);
}

}  // namespace
}  // namespace assay
