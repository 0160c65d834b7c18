#include "harness/tune/surface.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>

namespace assay::tune {
namespace {

double bilinear(double x, double y) { return 80 - 7 * x - 12 * y - 5 * x * y; }

/// Accuracies fall slowly, then fast: no trend of axes and products is like it.
double bent(double x, double y) { return 85 - 4 * x - 20 * std::pow(y, 4) - 6 * x * y * y; }

std::vector<Observation> grid(double (*value)(double, double), int n, double variance = 0) {
  std::vector<Observation> all;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      const double x = i / (n - 1.0), y = j / (n - 1.0);
      all.push_back({{x, y}, value(x, y), variance});
    }
  }
  return all;
}

TEST(Surface, TellsWhatIsLinearInAxesAndProductsExactly) {
  std::vector<Observation> seen = grid(bilinear, 3);
  seen.resize(6);  // a third of the axes' range was not seen at all
  const Surface surface(seen);
  for (const auto& [x, y] : {std::pair{0.3, 0.9}, {1.0, 1.0}, {0.9, 0.2}}) {
    const Told told = surface.at({x, y});
    EXPECT_NEAR(told.value, bilinear(x, y), 0.1);
    EXPECT_LT(told.sd, 0.6);
  }
  const std::vector<Told> left_out = surface.left_out();
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_NEAR(left_out[i].value, seen[i].value, 0.05) << i;
  }
}

TEST(Surface, GoesThroughExactObservationsAndFollowsACurve) {
  const Surface surface(grid(bent, 5));
  for (const Observation& one : grid(bent, 5)) {
    EXPECT_NEAR(surface.at(one.at).value, one.value, 1e-2);
  }
  double worst = 0;
  for (const Observation& one : grid(bent, 9)) {
    worst = std::max(worst, std::abs(surface.at(one.at).value - one.value));
  }
  EXPECT_LT(worst, 2.0) << "of 30 points from the best to the worst";
}

TEST(Surface, AnObservationWithoutWeightTellsNothing) {
  std::vector<Observation> seen = grid(bilinear, 3);
  seen.push_back({{0.5, 0.5}, 0, 1e9});
  EXPECT_NEAR(Surface(seen).at({0.5, 0.5}).value, bilinear(0.5, 0.5), 0.1);
}

TEST(Surface, LeavingOutIsNotSeeing) {
  std::vector<Observation> seen = grid(bent, 3, 0.25);
  std::mt19937_64 engine(3);
  std::normal_distribution<double> noise(0, 0.5);
  for (Observation& one : seen) one.value += noise(engine);
  const Surface surface(seen);
  const std::vector<Told> left_out = surface.left_out();
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::vector<Observation> others = seen;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NEAR(left_out[i].value, Surface(others, surface.settings()).at(seen[i].at).value, 1e-3)
        << i;
  }
}

TEST(Surface, IntervalsHoldTheTruth) {
  std::mt19937_64 engine(1);
  std::normal_distribution<double> noise(0, 1);
  int inside = 0, all = 0;
  for (int round = 0; round < 30; ++round) {
    std::vector<Observation> seen = grid(bent, 4, 1);
    std::shuffle(seen.begin(), seen.end(), engine);
    seen.resize(10);
    for (Observation& one : seen) one.value += noise(engine);
    const Surface surface(seen);
    for (const Observation& one : grid(bent, 4)) {
      const Told told = surface.at(one.at);
      inside += std::abs(told.value - one.value) < 1.96 * told.sd ? 1 : 0;
      ++all;
    }
  }
  EXPECT_GT(inside / static_cast<double>(all), 0.85);
}

TEST(Surface, ThreeCellsAreNotSureOfAFourth) {
  const Surface surface({{{0, 0}, 85, 0}, {{1, 0}, 78, 0}, {{0, 1}, 80, 0}});
  EXPECT_NEAR(surface.at({1, 1}).value, 73, 0.5) << "a plane";
  EXPECT_GT(surface.at({1, 1}).sd, 1);
}

TEST(Surface, NeedsTwoObservationsOfOneDimension) {
  EXPECT_THROW(Surface({}), std::invalid_argument);
  EXPECT_THROW(Surface({{{0.0}, 1, 0}}), std::invalid_argument);
  EXPECT_THROW(Surface({{{0.0}, 1, 0}, {{0.0, 1.0}, 1, 0}}), std::invalid_argument);
  EXPECT_NEAR(Surface({{{0.0}, 1, 0}, {{1.0}, 1, 0}}).at({0.5}).value, 1, 1e-6) << "all the same";
}

}  // namespace
}  // namespace assay::tune
