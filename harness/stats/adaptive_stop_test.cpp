#include "harness/stats/adaptive_stop.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "harness/stats/process_interval.h"

namespace assay {
namespace {

constexpr double kForever = 1e9;

TEST(AdaptiveStop, HalfWidthIsOnTheLogScale) {
  EXPECT_DOUBLE_EQ(log_half_width({2, 2}), 0);
  EXPECT_NEAR(log_half_width({100 / 1.05, 100 * 1.05}), 0.05, 1e-12);
  EXPECT_NEAR(log_half_width({1, 4}), 1, 1e-12);
}

TEST(AdaptiveStop, AsksTwiceAndNeverBeforeTheFewest) {
  AdaptiveStop stop({.target = 0.05, .seconds = kForever, .fewest = 6, .most = 20});
  EXPECT_FALSE(stop.look(2, 0.01, 1, 2));
  EXPECT_FALSE(stop.look(4, 0.01, 2, 2));
  EXPECT_FALSE(stop.look(6, 0.01, 3, 2)) << "the first look alone decides nothing";
  EXPECT_FALSE(stop.look(8, 0.06, 4, 2));
  EXPECT_FALSE(stop.look(10, 0.05, 5, 2));
  EXPECT_FALSE(stop.look(12, {}, 6, 2)) << "no interval is not a narrow one";
  EXPECT_FALSE(stop.look(14, 0.05, 7, 2));
  EXPECT_TRUE(stop.look(16, 0.05, 8, 2));
}

TEST(AdaptiveStop, TheBudgetEndsIt) {
  AdaptiveStop number({.target = 0.05, .seconds = kForever, .fewest = 4, .most = 8});
  EXPECT_FALSE(number.look(6, 0.2, 1, 2));
  EXPECT_TRUE(number.look(8, 0.2, 1, 2));
  AdaptiveStop time({.target = 0.05, .seconds = 100, .fewest = 4, .most = 80});
  EXPECT_FALSE(time.look(4, 0.2, 60, 2)) << "a block took 30 s: another one ends in time";
  EXPECT_TRUE(time.look(6, 0.2, 90, 2));
  AdaptiveStop short_time({.target = 0.05, .seconds = 1, .fewest = 4, .most = 80});
  EXPECT_FALSE(short_time.look(2, 0.2, 60, 2)) << "the fewest are always taken";
}

struct Machine {
  double spread = 0, drift = 0;
  int arms = 1;
};

/// Share of the final intervals that hold the truth, of groups whose process medians are
/// log-normal about 20 ms, on a machine that becomes slower by `drift` from process 0 to 40.
double coverage(const Machine& machine, int groups, std::mt19937_64& random) {
  std::normal_distribution<double> noise(0, machine.spread);
  int covered = 0;
  for (int group = 0; group < groups; ++group) {
    AdaptiveStop stop({.target = 0.05, .seconds = kForever, .fewest = 4, .most = 40});
    std::vector<std::vector<double>> arms(machine.arms);
    std::optional<double> width = 0;
    double drifted = 0;
    do {
      width = 0;
      for (std::vector<double>& values : arms) {
        for (int i = 0; i < 2; ++i) {
          const double slower = machine.drift * static_cast<double>(values.size()) / 40;
          values.push_back(0.02 * std::exp(noise(random) + slower));
        }
        const auto interval = process_interval(values);
        width = interval ? std::max(*width, log_half_width(*interval)) : kForever;
      }
      // The truth of a drifting machine is its mean over the time that was measured.
      drifted = machine.drift * static_cast<double>(arms[0].size() - 1) / 80;
    } while (!stop.look(arms[0].size(), width, 0, 2));
    for (const std::vector<double>& values : arms) {
      const Interval interval = process_interval(values).value();
      const double truth = 0.02 * std::exp(drifted);
      covered += interval.lo <= truth && truth <= interval.hi ? 1 : 0;
    }
  }
  return static_cast<double>(covered) / (groups * machine.arms);
}

TEST(AdaptiveStop, FinalIntervalsCoverTheTruthWhereverSamplingStops) {
  std::mt19937_64 random(20261129);
  for (const double spread : {0.03, 0.07, 0.1}) {
    for (const int arms : {1, 2}) {
      const double share = coverage({.spread = spread, .arms = arms}, 12000 / arms, random);
      EXPECT_GE(share, arms == 1 ? 0.925 : 0.93) << spread << " " << arms;
      EXPECT_LE(share, 0.97) << spread << " " << arms;
    }
  }
}

TEST(AdaptiveStop, DriftMakesIntervalsWiderNotWrong) {
  std::mt19937_64 random(7);
  for (const double drift : {0.05, 0.2}) {
    const double share = coverage({.spread = 0.05, .drift = drift, .arms = 2}, 4000, random);
    EXPECT_GE(share, 0.93) << drift;
  }
}

}  // namespace
}  // namespace assay
