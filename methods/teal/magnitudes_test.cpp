// Quantiles against sorted values.
#include "methods/teal/magnitudes.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace assay::teal {
namespace {

constexpr double kShares[] = {0.001, 0.1, 0.4, 0.5, 0.9, 0.999};

at::Tensor table_of(const at::Tensor& values) {
  MagnitudeHistogram histogram;
  histogram.add(values);
  return histogram.quantiles();
}

/// Share of values whose magnitude is at most `magnitude`, one after the other.
double exact_share(const at::Tensor& values, double magnitude) {
  const at::Tensor flat = values.to(at::kDouble).flatten().contiguous();
  const auto* value = flat.const_data_ptr<double>();
  const auto below = std::count_if(value, value + flat.numel(),
                                   [&](double x) { return std::abs(x) <= magnitude; });
  return static_cast<double>(below) / static_cast<double>(flat.numel());
}

TEST(MagnitudeQuantiles, AreThoseOfSortedValues) {
  at::manual_seed(3);
  for (const double scale : {1e-6, 1.0, 3e4}) {
    const at::Tensor values = at::randn({100, 200}) * scale;
    std::vector<double> sorted;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      sorted.push_back(std::abs(values.const_data_ptr<float>()[i]));
    }
    std::sort(sorted.begin(), sorted.end());
    const at::Tensor table = table_of(values);
    for (const double share : kShares) {
      const double exact =
          sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size()))];
      EXPECT_NEAR(magnitude_at(table, share) / exact, 1, share < 0.01 ? 0.1 : 0.01) << share;
      EXPECT_NEAR(exact_share(values, magnitude_at(table, share)), share, 0.001) << share;
    }
  }
}

TEST(MagnitudeQuantiles, OfEqualValuesLeaveNothingBetween) {
  const at::Tensor values = at::cat({at::zeros({600}), at::full({400}, -2.0F)});
  const at::Tensor table = table_of(values);
  EXPECT_EQ(magnitude_at(table, 0.4), 0);
  EXPECT_NEAR(magnitude_at(table, 0.8), 2, 0.01);
  EXPECT_GE(magnitude_at(table, 0.8), 2) << "a threshold has to take the values that it is made of";
  EXPECT_NEAR(share_up_to(table, 0), 0.6, 2.0 / kQuantileSteps);
}

TEST(MagnitudeQuantiles, AndSharesAreInverse) {
  at::manual_seed(4);
  const at::Tensor table = table_of(at::randn({50000}));
  for (const double share : kShares) {
    EXPECT_NEAR(share_up_to(table, magnitude_at(table, share)), share, 1e-6);
  }
  EXPECT_EQ(share_up_to(table, -1), 0);
  EXPECT_EQ(share_up_to(table, 1e9), 1);
  EXPECT_EQ(magnitude_at(table, 1), std::numeric_limits<double>::infinity());
}

TEST(MagnitudeQuantiles, PartsAddUpAndTypesDoNotMatter) {
  at::manual_seed(5);
  const at::Tensor values = at::randn({64, 32}).to(at::kBFloat16);
  MagnitudeHistogram parts;
  for (const at::Tensor& part : values.split(10)) parts.add(part);
  EXPECT_EQ(parts.count(), 64 * 32);
  EXPECT_TRUE(parts.quantiles().equal(table_of(values.to(at::kFloat).t())));
}

TEST(MagnitudeQuantiles, NotANumberLiesAboveAll) {
  at::Tensor values = at::full({4}, 1.0F);
  values[0] = std::numeric_limits<float>::quiet_NaN();
  values[1] = std::numeric_limits<float>::infinity();
  const at::Tensor table = table_of(values);
  EXPECT_NEAR(magnitude_at(table, 0.4), 1, 1e-3);
  EXPECT_FALSE(std::isfinite(magnitude_at(table, 0.9)));
}

TEST(MagnitudeQuantiles, OfNothingAreRefused) {
  EXPECT_THROW((void)MagnitudeHistogram().quantiles(), std::logic_error);
}

TEST(LayerMagnitudes, TheGateIsTakenBehindItsActivation) {
  at::manual_seed(6);
  ModelSpec spec;
  spec.activation = ActivationKind::kSilu;
  const at::Tensor gate = at::randn({40, 50});
  for (const bool gated : {true, false}) {
    spec.ffn_gated = gated;
    LayerMagnitudes seen(spec);
    seen.record(0, Tap::kPreActivation, gate, {});
    seen.record(0, Tap::kOutInput, gate, {});
    ASSERT_EQ(seen.places().contains(Place::kGate), gated);
    if (!gated) continue;
    const double median = magnitude_at(seen.places().at(Place::kGate).quantiles(), 0.5);
    const at::Tensor wide = gate.to(at::kDouble);
    EXPECT_NEAR(exact_share(wide / (1 + (-wide).exp()), median), 0.5, 0.002);
    const double other = magnitude_at(seen.places().at(Place::kOut).quantiles(), 0.5);
    EXPECT_NEAR(exact_share(gate, other), 0.5, 0.002);
  }
}

}  // namespace
}  // namespace assay::teal
