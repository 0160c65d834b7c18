// The window search against values computed for normal laws, and against all windows one by one.
#include "methods/tardis/windows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <gtest/gtest.h>

#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace assay {
namespace {

/// Quantiles of a normal law: as good as a sample of any size, and no chance in it.
at::Tensor normal_quantiles(double mean, std::int64_t n) {
  at::Tensor z = at::empty({n, 1}, at::kFloat);
  for (std::int64_t i = 0; i < n; ++i) {
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    z.mutable_data_ptr<float>()[i] =
        static_cast<float>(mean - std::sqrt(2.0) * boost::math::erfc_inv(2 * p));
  }
  return z;
}

ResponseHistogram histogram_of(const at::Tensor& z, const at::Tensor& s, std::int64_t bins) {
  ResponseHistogram histogram(BinScale(z.amin({0}), z.amax({0}), bins));
  histogram.add(z, s);
  histogram.accumulate();
  return histogram;
}

struct Golden {
  double mean, coverage, error, high;
  double digit;  ///< one unit of the last digit that the table gives of the error
};

class BestWindow : public ::testing::TestWithParam<Golden> {};

TEST_P(BestWindow, OfGeluUnderANormalLaw) {
  const Golden golden = GetParam();
  const at::Tensor z = normal_quantiles(golden.mean, 200000);
  const at::Tensor s = at::gelu(z);
  const ResponseHistogram histogram = histogram_of(z, s, 8192);
  const BinRange range = best_window(histogram, 0, golden.coverage);
  const Moments inside = histogram.moments(0, range.first, range.last);
  const double variance = s.to(at::kDouble).var(0, false).item<double>();
  const double error = inside.error(inside.line()) / 200000 / variance;
  EXPECT_NEAR(error, golden.error, 0.03 * golden.error + golden.digit / 2);
  EXPECT_NEAR(inside.n / 200000, golden.coverage, 0.002);
  if (golden.mean != 0) {  // about 0 a window and its mirror image are equally good
    EXPECT_NEAR(histogram.scale().edge(0, range.last), golden.high, 0.03);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Golden, BestWindow,
    ::testing::Values(Golden{-1, 0.50, 1.1e-4, -0.77, 1e-5}, Golden{-1, 0.70, 2.0e-3, -0.44, 1e-4},
                      Golden{-1, 0.80, 9.7e-3, -0.16, 1e-4}, Golden{-1, 0.90, 6.4e-2, 0.28, 1e-3},
                      Golden{-1, 0.95, 1.7e-1, 0.65, 1e-2}, Golden{0, 0.50, 3.5e-3, 0, 1e-4},
                      Golden{0, 0.70, 2.2e-2, 0, 1e-3}, Golden{0, 0.80, 4.9e-2, 0, 1e-3},
                      Golden{0, 0.90, 1.06e-1, 0, 1e-3}, Golden{0, 0.95, 1.6e-1, 0, 1e-2}));

at::Tensor random_rows(std::int64_t rows, std::int64_t neurons, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(-0.4F, 1.0F);
  at::Tensor z = at::empty({rows, neurons}, at::kFloat);
  for (std::int64_t i = 0; i < z.numel(); ++i) z.mutable_data_ptr<float>()[i] = normal(engine);
  return z;
}

TEST(BestWindowSearch, IsNoWorseThanAnyWindow) {
  const at::Tensor z = random_rows(700, 2, 3), s = at::gelu(z);
  const ResponseHistogram histogram = histogram_of(z, s, 40);
  for (const double coverage : {0.5, 0.73, 0.9, 1.0}) {
    for (std::int64_t neuron = 0; neuron < 2; ++neuron) {
      double least = std::numeric_limits<double>::infinity();
      for (std::int64_t first = 0; first < 40; ++first) {
        for (std::int64_t last = first + 1; last <= 40; ++last) {
          const Moments inside = histogram.moments(neuron, first, last);
          if (inside.n < coverage * 700) continue;
          least = std::min(least, inside.error(inside.line()));
        }
      }
      const BinRange range = best_window(histogram, neuron, coverage);
      const Moments found = histogram.moments(neuron, range.first, range.last);
      EXPECT_NEAR(found.error(found.line()), least, 1e-9);
      EXPECT_GE(found.n, coverage * 700 - 0.5);
    }
  }
}

LayerResponse response_of(const at::Tensor& z, const at::Tensor& s, const at::Tensor& prediction,
                          double guard) {
  const BinScale scale(z.amin({0}), z.amax({0}), 128);
  LayerResponse response{ResponseHistogram(scale), CountHistogram(scale),
                         std::vector<double>(static_cast<std::size_t>(z.size(1)), guard),
                         std::vector<double>(static_cast<std::size_t>(z.size(1)), 2.0)};
  response.pre.add(z, s);
  response.pre.accumulate();
  response.prediction.add(prediction);
  response.prediction.accumulate();
  return response;
}

double share_outside(const at::Tensor& values, const WindowOption& option) {
  return values.ge(option.safe_low)
      .logical_and(values.le(option.safe_high))
      .logical_not()
      .to(at::kDouble)
      .mean()
      .item<double>();
}

TEST(WindowOptions, FallBackAsOftenAsThePredictionLeavesThem) {
  const at::Tensor z = random_rows(4000, 1, 5), s = at::gelu(z);
  const at::Tensor prediction = z.add(random_rows(4000, 1, 6).mul(0.1));
  const std::vector<WindowOption> options = window_options(response_of(z, s, prediction, 0.1), 0);
  ASSERT_EQ(options.size(), kWindowOptions);
  for (const WindowOption& option : options) {
    EXPECT_NEAR(share_outside(prediction, option), option.fallback, 0.006);
    EXPECT_NEAR(option.error,
                2 * z.to(at::kDouble)
                        .mul(-option.slope)
                        .add(s)
                        .sub(option.intercept)
                        .square()
                        .mul(z.ge(option.low).logical_and(z.lt(option.high)))
                        .mean()
                        .item<double>(),
                1e-4);
  }
  EXPECT_EQ(options.front().fallback, 0);
  EXPECT_EQ(options.back().fallback, 1);
  EXPECT_EQ(options.back().error, 0);
}

TEST(WindowOptions, TheGuardNarrowsCutEdgesAndWidensEnds) {
  const at::Tensor z = random_rows(4000, 1, 7), s = at::relu(z);
  const std::vector<WindowOption> options = window_options(response_of(z, s, z, 0.2), 0);
  const WindowOption& half = options[50];  // hugs the negative tail, where ReLU is a line
  EXPECT_LT(half.error, 1e-6);
  EXPECT_NEAR(half.safe_low, half.low - 0.2, 1e-4);
  EXPECT_NEAR(half.safe_high, half.high - 0.2, 1e-4);
  EXPECT_EQ(half.slope, 0);
  EXPECT_EQ(half.intercept, 0);
}

TEST(WindowOptions, AGuardWiderThanTheWindowMeansAlwaysExact) {
  const at::Tensor z = random_rows(4000, 1, 8), s = at::relu(z).add(z.abs().neg());
  for (const WindowOption& option : window_options(response_of(z, s, z, 50), 0)) {
    if (option.safe_low > option.safe_high) {
      EXPECT_EQ(option.fallback, 1);
    }
  }
}

}  // namespace
}  // namespace assay
