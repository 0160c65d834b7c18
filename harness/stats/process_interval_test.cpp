// How often the intervals of process medians hold what they claim to hold, by simulation.
// `stats_test --gtest_filter='Coverage*' --gtest_output=json:coverage.json` writes the figures of
// docs/results/measurement.md.

#include "harness/stats/process_interval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace assay {
namespace {

using Values = std::vector<double>;
constexpr int kSeries = 8000;

std::string permille(double share) { return std::to_string(std::lround(1000 * share)); }

/// How many intervals were given, and how many of those were wrong.
struct Tally {
  int series = 0, given = 0, wrong = 0;
  void add(const std::optional<Interval>& interval, double truth) {
    ++series;
    if (!interval) return;
    ++given;
    wrong += truth < interval->lo || truth > interval->hi ? 1 : 0;
  }
  /// One that is withheld claims nothing.
  [[nodiscard]] double coverage() const { return 1 - static_cast<double>(wrong) / series; }
  [[nodiscard]] double share_given() const { return static_cast<double>(given) / series; }
  void record(const std::string& name) const {
    testing::Test::RecordProperty(name + "_permille", permille(coverage()));
    testing::Test::RecordProperty(name + "_given_permille", permille(share_given()));
  }
};

/// Of a log-normal quantity with this coefficient of variation.
double deviation_of_logs(double cv) { return std::sqrt(std::log1p(cv * cv)); }

TEST(Coverage, OfLogNormalProcessMedians) {
  std::mt19937_64 random(3);
  for (const std::size_t n : {3U, 5U, 12U}) {
    for (const double cv : {0.02, 0.05, 0.10, 0.20, 0.40, 0.60}) {
      std::normal_distribution<double> noise(0, deviation_of_logs(cv));
      Tally tally;
      for (int i = 0; i < kSeries; ++i) {
        Values medians(n);
        for (double& one : medians) one = 33 * std::exp(noise(random));
        tally.add(process_interval(medians), 33);
      }
      const std::string name =
          "n" + std::to_string(n) + "_cv" + std::to_string(std::lround(100 * cv));
      tally.record(name);
      EXPECT_GT(tally.coverage(), 0.93) << name;
      EXPECT_LT(tally.coverage(), 0.97) << name;
      if (cv <= 0.10) {
        EXPECT_GT(tally.share_given(), 0.99) << name;
      }
    }
  }
}

/// A machine as in the simulations of the judgements: the log of a process median is an AR(1)
/// process (deviation 15.5 %, correlation 0.95 from one process to the next) with 3 % white noise.
class DriftingMachine {
 public:
  explicit DriftingMachine(std::uint64_t seed) : random_(seed) {}

  /// Logs of the machine's level over a session.
  Values session(std::size_t slots) {
    constexpr double kDeviation = 0.155;
    constexpr double kCorrelation = 0.95;
    Values levels;
    double level = kDeviation * normal_(random_);
    for (std::size_t i = 0; i < slots; ++i) {
      levels.push_back(level);
      level = kCorrelation * level +
              kDeviation * std::sqrt(1 - kCorrelation * kCorrelation) * normal_(random_);
    }
    return levels;
  }
  double noise() { return 0.03 * normal_(random_); }

  /// Arms in blocks that read the same backwards, half a block at the end when n is odd.
  std::vector<std::size_t> order(std::size_t arms, std::size_t n) {
    std::vector<std::size_t> turns;
    std::vector<std::size_t> block(arms);
    for (std::size_t i = 0; i < arms; ++i) block[i] = i;
    for (std::size_t done = 0; done < n; ++done) {
      if (done % 2 == 0) std::shuffle(block.begin(), block.end(), random_);
      turns.insert(turns.end(), block.begin(), block.end());
      std::reverse(block.begin(), block.end());
    }
    return turns;
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
};

struct Session {
  Values a, b;       ///< process medians of the first two arms
  double level = 1;  ///< of arm a: the median it has while the session lasts
};

Session run(DriftingMachine& machine, std::size_t arms, std::size_t n, double ratio) {
  const std::vector<std::size_t> turns = machine.order(arms, n);
  const Values levels = machine.session(turns.size());
  Session session;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const double median = std::exp(levels[i] + machine.noise());
    if (turns[i] == 0) session.a.push_back(median);
    if (turns[i] == 1) session.b.push_back(ratio * median);
  }
  session.level = std::exp(mean(levels));
  return session;
}

TEST(Coverage, OfRatiosOnADriftingMachine) {
  DriftingMachine machine(5);
  for (const std::size_t arms : {2U, 4U}) {
    for (const std::size_t n : {3U, 5U, 12U}) {
      Tally tally;
      for (int i = 0; i < kSeries; ++i) {
        const Session session = run(machine, arms, n, 1.25);
        tally.add(paired_ratio_interval(session.a, session.b), 1.25);
      }
      const std::string name = "arms" + std::to_string(arms) + "_n" + std::to_string(n);
      tally.record(name);
      EXPECT_GT(tally.coverage(), 0.93) << name;
      EXPECT_LT(tally.coverage(), 0.97) << name;
    }
  }
}

/// Drift spreads the processes of an arm, which cannot be told from their own noise: the interval
/// of the session's level is wider than need be.
TEST(Coverage, OfLevelsOnADriftingMachineIsCautious) {
  DriftingMachine machine(7);
  for (const std::size_t arms : {1U, 2U, 4U}) {
    for (const std::size_t n : {3U, 5U, 12U}) {
      Tally tally, beyond;
      for (int i = 0; i < kSeries; ++i) {
        const Session session = run(machine, arms, n, 1);
        tally.add(process_interval(session.a), session.level);
        beyond.add(process_interval(session.a), 1);
      }
      const std::string name = "arms" + std::to_string(arms) + "_n" + std::to_string(n);
      tally.record(name);
      beyond.record(name + "_of_the_long_run");
      EXPECT_GT(tally.coverage(), 0.95) << name;
    }
  }
}

TEST(ProcessInterval, IsStudentsOfTheLogs) {
  // Logs 0, 1/8, 1/4: mean 1/8, deviation 1/8, t(2, 0.975) = 4.302653.
  const Values medians = {1.0, std::exp(0.25), std::exp(0.125)};
  const auto interval = process_interval(medians);
  ASSERT_TRUE(interval.has_value());
  const double half = 4.302653 * 0.125 / std::sqrt(3.0);
  EXPECT_NEAR(interval->lo, std::exp(0.125 - half), 1e-6);
  EXPECT_NEAR(interval->hi, std::exp(0.125 + half), 1e-6);
}

TEST(ProcessInterval, TurnsOverWithTheUnit) {
  const Values seconds = {0.030, 0.031, 0.034, 0.029, 0.033};
  Values rates;
  for (const double value : seconds) rates.push_back(1 / value);
  const Interval times = process_interval(seconds).value();
  const Interval per_second = process_interval(rates).value();
  EXPECT_NEAR(per_second.lo, 1 / times.hi, 1e-9);
  EXPECT_NEAR(per_second.hi, 1 / times.lo, 1e-9);
}

TEST(ProcessInterval, SaysWhenProcessesDisagree) {
  EXPECT_FALSE(process_interval(Values{33, 20, 42}).has_value());
  EXPECT_EQ(why_no_process_interval(Values{33, 20, 42}),
            "3 processes, spread 2.1x: not enough for an interval; processes_per_arm = 12");
  EXPECT_EQ(why_no_process_interval(Values{33, 34}),
            "2 processes, spread 1.0x: not enough for an interval; processes_per_arm = 12");
  // Logs deviate by 2.405: t(n - 1) 2.405 / sqrt(n) falls below ln 2 between 48 and 50.
  const Values wild = {1, 100, 1, 100, 1, 100, 1, 100, 1, 100, 1, 100};
  EXPECT_EQ(why_no_process_interval(wild),
            "12 processes, spread 100x: not enough for an interval; processes_per_arm = 50");
  EXPECT_THAT(why_no_process_interval(Values{0, 1, 2}), testing::HasSubstr("not above 0"));
  EXPECT_EQ(why_no_process_interval(Values{1}),
            "1 process: not enough for an interval; processes_per_arm = 12");
  EXPECT_EQ(why_no_process_interval(Values{}), "");
  EXPECT_EQ(why_no_process_interval(Values{1, 1, 1}), "");
}

/// Whatever processes report, no bound is impossible, and the value lies between them.
TEST(ProcessInterval, HostileSeriesGiveNoImpossibleBound) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> exponent(-12, 12);
  for (int i = 0; i < 3000; ++i) {
    Values medians(1 + i % 13);
    const double spread = std::pow(10.0, exponent(random) / 6) / 100;
    for (double& one : medians) one = std::exp(spread * exponent(random));
    if (i % 7 == 0) medians[0] = 0;
    if (i % 11 == 0) medians[0] = std::numeric_limits<double>::denorm_min();
    if (i % 17 == 0) medians[0] = std::numeric_limits<double>::max();
    const auto interval = process_interval(medians);
    EXPECT_EQ(interval.has_value(), why_no_process_interval(medians).empty());
    if (!interval) continue;
    EXPECT_GT(interval->lo, 0);
    EXPECT_LE(interval->lo, median(medians));
    EXPECT_GE(interval->hi, median(medians));
    EXPECT_LE(interval->hi, 8 * median(medians));
  }
}

}  // namespace
}  // namespace assay
