#include "harness/runner/self_comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>

namespace assay {
namespace {

TEST(SelfComparison, BlocksAreBalancedAndKeepTheOrderOfTheirProcesses) {
  double clock = 0;
  const auto runs = run_identical_arms({.comparisons = 3, .processes_per_arm = 4, .seed = 7},
                                       [&] { return ++clock; });
  EXPECT_EQ(clock, 3 * 2 * 4);
  ASSERT_EQ(runs.size(), 3U);
  for (const IdenticalArms& arms : runs) {
    ASSERT_EQ(arms.a.size(), 4U);
    double difference = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(std::abs(arms.a[i] - arms.b[i]), 1) << "partners run one after the other";
      difference += arms.a[i] - arms.b[i];
    }
    EXPECT_EQ(difference, 0) << "a steady drift cancels in every block";
  }
}

TEST(SelfComparison, RefusesArmsThatCannotBePaired) {
  EXPECT_THROW(run_identical_arms({.processes_per_arm = 3}, [] { return 1.0; }),
               std::invalid_argument);
  EXPECT_THROW((void)judge_identical_arms("gemv", {}), std::invalid_argument);
  const std::vector<IdenticalArms> odd = {{{1, 2}, {1}}};
  EXPECT_THROW((void)judge_identical_arms("gemv", odd), std::invalid_argument);
}

/// Log times that drift: a random walk back to the mean, and white noise on top.
class DriftingMachine {
 public:
  double operator()() {
    drift_ = 0.95 * drift_ + 0.05 * normal_(random_);
    return std::exp(drift_ + 0.03 * normal_(random_));
  }

 private:
  std::mt19937_64 random_{11};
  std::normal_distribution<double> normal_;
  double drift_ = 0;
};

TEST(SelfComparison, FewFalseAlarmsOnADriftingMachine) {
  DriftingMachine machine;
  const auto runs = run_identical_arms({.comparisons = 400, .processes_per_arm = 12, .seed = 3},
                                       std::ref(machine));
  const SelfComparison result = judge_identical_arms("simulated", runs);
  // Nominal 5 %; pairs that share some drift raise it a little.
  EXPECT_LE(result.false_alarms, 400 * 0.09);
  EXPECT_GE(result.alarm_bound, static_cast<double>(result.false_alarms) / 400);
  EXPECT_GT(result.noise_floor, 0.01);
  EXPECT_LT(result.noise_floor, 0.12);
  EXPECT_GT(result.detectable, 0.02);
}

TEST(SelfComparison, AnExactMachineHasNoNoise) {
  const auto runs =
      run_identical_arms({.comparisons = 2, .processes_per_arm = 6, .seed = 1}, [] { return 2.0; });
  const SelfComparison result = judge_identical_arms("exact", runs);
  EXPECT_EQ(result.false_alarms, 0U);
  EXPECT_EQ(result.noise_floor, 0);
  EXPECT_EQ(result.between_processes, 0);
  EXPECT_EQ(result.detectable, 0);
}

TEST(SelfComparison, TheBoundOfNoAlarmsInTwentyIsKnown) {
  const std::vector<IdenticalArms> runs(20, IdenticalArms{{1, 1}, {1, 1}});
  EXPECT_NEAR(judge_identical_arms("x", runs).alarm_bound, 1 - std::pow(0.05, 1.0 / 20), 1e-9);
}

}  // namespace
}  // namespace assay
