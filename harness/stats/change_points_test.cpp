#include "harness/stats/change_points.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

namespace assay {
namespace {

/// `steps[i]` holds for `length` values each, with relative normal noise.
std::vector<double> history(const std::vector<double>& steps, int length, double noise,
                            unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values;
  for (const double level : steps) {
    for (int i = 0; i < length; ++i) values.push_back(level * (1 + noise * normal(random)));
  }
  return values;
}

TEST(ChangePoints, FindsAStepAtItsPlace) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto steps = steps_of(history({1.0, 1.2}, 25, 0.02, seed), 0.05);
    ASSERT_EQ(steps.size(), 1U) << seed;
    EXPECT_NEAR(static_cast<double>(steps[0].at), 25, 1) << seed;
    EXPECT_NEAR(steps[0].after / steps[0].before, 1.2, 0.03) << seed;
  }
}

TEST(ChangePoints, FindsUpAndDownInOrder) {
  const auto segments = segments_of(history({1.0, 1.5, 0.8}, 30, 0.02, 3));
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[0].first, 0U);
  EXPECT_EQ(segments[1].first, 30U);
  EXPECT_EQ(segments[2].first, 60U);
  EXPECT_EQ(segments[2].end, 90U);
  EXPECT_NEAR(segments[1].level, 1.5, 0.03);
}

TEST(ChangePoints, NoiseHasFewSteps) {
  int wrong = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    wrong += steps_of(history({1.0}, 60, 0.03, seed), 0.05).empty() ? 0 : 1;
  }
  EXPECT_LE(wrong, 10);
}

TEST(ChangePoints, ASpikeThatReturnsIsNoStep) {
  auto values = history({1.0}, 40, 0.01, 5);
  values[20] = 9.0;
  EXPECT_TRUE(steps_of(values, 0.05).empty());
}

TEST(ChangePoints, ALevelOfExactValuesIsFoundExactly) {
  const auto segments = segments_of(std::vector<double>{2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3});
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[1].first, 6U);
  EXPECT_EQ(segments[0].level, 2.0);
  EXPECT_EQ(segments[1].level, 3.0);
  EXPECT_EQ(segments[0].error, 0.0);
}

TEST(ChangePoints, WeightsSayWhichValuesCount) {
  // The last values are uncertain: with their weights they are no reason for a step.
  const std::vector<double> values{1, 1.01, 0.99, 1, 1.01, 0.99, 1, 1.3, 1.3, 1.3};
  const std::vector<double> weights{1, 1, 1, 1, 1, 1, 1, 1e-4, 1e-4, 1e-4};
  EXPECT_EQ(steps_of(values, 0.05).size(), 1U);
  EXPECT_TRUE(steps_of(values, 0.05, weights).empty());
}

TEST(ChangePoints, LongHistoriesAreReadWhole) {
  const auto steps = steps_of(history({1.0, 1.1, 1.3, 1.0}, 1000, 0.02, 8), 0.05);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_NEAR(static_cast<double>(steps[2].at), 3000, 5);
}

TEST(ChangePoints, Domain) {
  EXPECT_TRUE(segments_of({}).empty());
  EXPECT_EQ(segments_of(std::vector<double>{4.0}).size(), 1U);
  const std::vector<double> nan{1.0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(segments_of(nan), std::invalid_argument);
  EXPECT_THROW(segments_of(std::vector<double>{1, 2}, std::vector<double>{1}),
               std::invalid_argument);
  EXPECT_THROW(segments_of(std::vector<double>{1, 2}, std::vector<double>{1, 0}),
               std::invalid_argument);
  EXPECT_THROW(steps_of(std::vector<double>{1, 2}, -0.1), std::invalid_argument);
}

}  // namespace
}  // namespace assay
