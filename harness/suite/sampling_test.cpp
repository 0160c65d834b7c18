#include "harness/suite/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assay {
namespace {

using testing::HasSubstr;

SamplingRules small_rules() {
  SamplingRules rules;
  rules.warmup_calls = 3;
  rules.warmup_seconds = 1;
  rules.samples = 4;
  rules.seconds = 2;
  rules.max_seconds = 6;
  rules.sample_seconds = 0;
  return rules;
}

/// Calls whose times are told, the last one for ever; counts what it was asked.
struct Told {
  std::vector<double> seconds;
  std::vector<std::int64_t> asked = {};
  SampledCalls run(const SamplingRules& rules) {
    return sample_calls(
        rules,
        [this](std::int64_t n) {
          const std::size_t index = std::min(asked.size(), seconds.size() - 1);
          asked.push_back(n);
          return seconds[index] * static_cast<double>(n);
        },
        [](std::int64_t, std::int64_t) {});
  }
};

TEST(Sampling, WarmUpNeedsBothItsMinimums) {
  EXPECT_EQ(Told{{0.25}}.run(small_rules()).warmup.size(), 4U) << "1 s";
  EXPECT_EQ(Told{{0.5}}.run(small_rules()).warmup.size(), 3U) << "3 calls";
  const SampledCalls calls = Told{{5, 0.25}}.run(small_rules());
  EXPECT_EQ(calls.first, 5);
  EXPECT_EQ(calls.warmup.size(), 3U);
  EXPECT_DOUBLE_EQ(calls.warmup_seconds, 5.5);
}

TEST(Sampling, EqualSamplesEndAtTheMinimums) {
  const SampledCalls calls = Told{{0.25}}.run(small_rules());
  EXPECT_EQ(calls.steady.size(), 8U) << "2 s";
  EXPECT_TRUE(calls.agreed);
  EXPECT_EQ(Told{{1.0}}.run(small_rules()).steady.size(), 4U) << "4 samples";
}

TEST(Sampling, SamplesThatDifferEndAtTheCap) {
  std::vector<double> seconds;
  for (int i = 0; i < 100; ++i) seconds.push_back(i % 2 == 0 ? 0.375 : 0.625);
  const SampledCalls calls = Told{seconds}.run(small_rules());
  EXPECT_FALSE(calls.agreed);
  EXPECT_EQ(calls.steady.size(), 12U) << "6 s";
  EXPECT_DOUBLE_EQ(calls.steady_seconds, 6);
}

TEST(Sampling, EndsWhenTheSpreadIsKnown) {
  SamplingRules rules = small_rules();
  rules.seconds = 0;
  rules.max_seconds = 1e9;
  std::vector<double> seconds;
  for (int i = 0; i < 5000; ++i) seconds.push_back(i % 2 == 0 ? 0.375 : 0.625);
  const SampledCalls calls = Told{seconds}.run(rules);
  EXPECT_TRUE(calls.agreed);
  EXPECT_GE(calls.steady.size(), 65U) << "64 values of the spread, of at least two samples each";
  EXPECT_LE(calls.steady.size(), 100U);
}

TEST(SpreadWatch, IsTheStandardDeviationOverTheMean) {
  SpreadWatch watch;
  EXPECT_EQ(watch.spread(), 0);
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) watch.add(value);
  EXPECT_NEAR(watch.spread(), std::sqrt(32.0 / 7) / 5, 1e-15);
  EXPECT_FALSE(watch.stable()) << "too few to tell";
}

TEST(SpreadWatch, AGrowingSpreadIsNotStable) {
  SpreadWatch watch;
  for (int i = 0; i < 100; ++i) watch.add(1.0 + (i % 2 == 0 ? 1 : -1) * 1e-5 * i * i);
  EXPECT_FALSE(watch.stable());
}

TEST(Sampling, ShortCallsAreRepeatedWithinASample) {
  SamplingRules rules = small_rules();
  rules.warmup_seconds = 0;
  rules.seconds = 0;
  rules.sample_seconds = 1e-3;
  Told told{{1.0, 1e-4, 1e-4, 2e-4}};
  const SampledCalls calls = told.run(rules);
  EXPECT_EQ(calls.loops, 10) << "by the end of the warm-up, not by its cold first call";
  EXPECT_EQ(told.asked, (std::vector<std::int64_t>{1, 1, 1, 10, 10, 10, 10}));
  for (const double value : calls.steady) EXPECT_DOUBLE_EQ(value, 2e-4);
}

TEST(Sampling, AGpuGetsMoreOfEverything) {
  const SamplingRules rules = on_gpu(small_rules());
  EXPECT_EQ(rules.warmup_calls, 10);
  EXPECT_EQ(rules.samples, 30);
  EXPECT_EQ(rules.warmup_seconds, 1);
  EXPECT_EQ(rules.seconds, 2);
}

TEST(Drift, IsSaidWhenHalvesDifferBeyondChance) {
  std::vector<double> rising, level, jitter;
  for (int i = 0; i < 40; ++i) {
    rising.push_back(1 + 0.01 * i);
    level.push_back(1 + 0.001 * i);
    jitter.push_back(i % 2 == 0 ? 1 : 2);
  }
  EXPECT_THAT(drift_within(rising).value(), HasSubstr("took 18 % longer"));
  EXPECT_FALSE(drift_within(level).has_value()) << "2 % is no matter";
  EXPECT_FALSE(drift_within(jitter).has_value()) << "spread, but level";
  std::vector<double> falling(rising.rbegin(), rising.rend());
  EXPECT_THAT(drift_within(falling).value(), HasSubstr("less"));
  EXPECT_FALSE(drift_within(std::vector<double>(rising.begin(), rising.begin() + 12)).has_value())
      << "too few to tell";
}

TEST(Percentile, NeedsTheNumberOfValuesThatVouchesForIt) {
  // The smallest n for which n values all below the percentile have a chance of at most 1 %.
  const std::vector<std::pair<double, int>> least = {
      {0.90, 44}, {0.95, 90}, {0.99, 459}, {0.999, 4603}};
  for (const auto& [percentile, n] : least) {
    EXPECT_LE(std::pow(percentile, n), 0.01);
    EXPECT_GT(std::pow(percentile, n - 1), 0.01);
    std::vector<double> values(static_cast<std::size_t>(n), 1.0);
    EXPECT_TRUE(percentile_metric("t", values, percentile).value.has_value()) << percentile;
    values.pop_back();
    EXPECT_THAT(percentile_metric("t", values, percentile).null_reason,
                HasSubstr("n too small: " + std::to_string(n - 1)));
  }
}

}  // namespace
}  // namespace assay
