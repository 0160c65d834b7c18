// Every metric says what its quantity can be, and no interval reaches beyond it.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "harness/protocol/common_metrics.h"
#include "harness/protocol/metric_range.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/suite.h"

namespace assay {
namespace {

TEST(MetricRanges, EveryKindsMetricsHaveOne) {
  SuiteRegistry registry;
  register_builtin_suites(registry);
  for (const SuiteKind* kind : registry.all()) {
    const SuiteKindInfo info = kind->info();
    for (const MetricDef& def : info.metrics) {
      EXPECT_TRUE(known_range(def.tag, def.unit).has_value()) << info.name << " " << def.tag;
    }
  }
  for (const auto* common : {&accounting_metrics(), &fit_metrics(), &process_metrics()}) {
    for (const MetricDef& def : *common) {
      EXPECT_TRUE(known_range(def.tag, def.unit).has_value()) << def.tag;
    }
  }
}

void expect_possible(const MetricValue& metric) {
  const MetricRange range = range_of(metric.tag);
  ASSERT_TRUE(known_range(metric.tag).has_value()) << metric.tag;
  EXPECT_EQ(metric.lo.has_value(), metric.hi.has_value());
  if (!metric.lo) return;
  EXPECT_TRUE(range.holds(*metric.lo)) << metric.tag << " " << *metric.lo;
  EXPECT_TRUE(range.holds(*metric.hi)) << metric.tag << " " << *metric.hi;
  EXPECT_LE(*metric.lo, *metric.value) << metric.tag;
  EXPECT_GE(*metric.hi, *metric.value) << metric.tag;
}

/// Scores of items as nobody wants them: few, equal, zero, far apart.
std::vector<double> hostile(std::mt19937_64& random, double most) {
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> values(1 + random() % 5);
  const double power = 1 + 20 * uniform(random);
  for (double& value : values) value = most * std::pow(uniform(random), power);
  if (uniform(random) < 0.2) values.assign(values.size(), uniform(random) < 0.5 ? 0 : most);
  if (uniform(random) < 0.2) values[0] = 0;
  if (uniform(random) < 0.2) values.back() = most;
  return values;
}

TEST(MetricRanges, NoIntervalOfItemsReachesBeyondThem) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    for (const char* tag : {"token_ppl", "word_ppl", "perplexity", "ppl_ratio"}) {
      const MetricValue metric = exp_mean_metric(tag, hostile(random, 700));
      if (std::isfinite(metric.value.value())) expect_possible(metric);
    }
    expect_possible(mean_metric("kl", hostile(random, 30)));
    expect_possible(mean_metric("top1_agreement", hostile(random, 1)));
    const auto total = static_cast<std::int64_t>(1 + random() % 9);
    const auto hits = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(total + 1));
    for (const char* tag : {"acc", "acc_norm", "acc/stem"}) {
      expect_possible(proportion_metric(tag, hits, total));
    }
  }
}

TEST(MetricRanges, APerplexityWhoseItemsDifferTooMuchSaysSo) {
  const MetricValue metric = exp_mean_metric("token_ppl", std::vector<double>{1.0, 700.0});
  EXPECT_FALSE(metric.lo.has_value());
  EXPECT_FALSE(metric.hi.has_value());
  EXPECT_EQ(metric.no_interval, "2 items that differ too much: no interval");
}

}  // namespace
}  // namespace assay
