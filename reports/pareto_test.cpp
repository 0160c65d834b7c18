// The front against the definition, point by point.

#include "reports/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace assay {
namespace {

using Points = std::vector<std::pair<double, double>>;

/// A point is on the front unless another one is at least as good in both and better in one.
std::set<std::size_t> naive(const Points& points, int x_direction, int y_direction) {
  std::set<std::size_t> front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    bool beaten = false;
    for (const auto& [x, y] : points) {
      const double dx = x_direction * (x - points[i].first);
      const double dy = y_direction * (y - points[i].second);
      beaten = beaten || (dx >= 0 && dy >= 0 && (dx > 0 || dy > 0));
    }
    if (!beaten) front.insert(i);
  }
  return front;
}

TEST(Pareto, IsWhatTheDefinitionSays) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    // Few distinct values: ties and equal points are the hard part.
    std::uniform_int_distribution<int> value(0, round % 2 == 0 ? 6 : 1000);
    Points points(static_cast<std::size_t>(round % 60));
    for (auto& [x, y] : points) {
      x = value(random);
      y = value(random);
    }
    for (const int x : {-1, 1}) {
      for (const int y : {-1, 1}) {
        const auto front = pareto_front(points, x, y);
        EXPECT_EQ(std::set<std::size_t>(front.begin(), front.end()), naive(points, x, y));
        for (std::size_t i = 1; i < front.size(); ++i) {
          EXPECT_LE(points[front[i - 1]].first, points[front[i]].first);
        }
      }
    }
  }
}

TEST(Pareto, EqualPointsAreOnItTogether) {
  EXPECT_THAT(pareto_front({{1, 1}, {1, 1}, {0, 1}}, 1, 1), testing::UnorderedElementsAre(0, 1));
  EXPECT_TRUE(pareto_front({}, 1, 1).empty());
}

/// Values that are told apart when they differ by more than one.
FrontSide side(double a, double b) {
  if (a == b) return FrontSide::kEqual;
  if (std::abs(a - b) <= 1) return FrontSide::kUndecided;
  return a > b ? FrontSide::kBetter : FrontSide::kWorse;
}

std::vector<bool> undecided(const Points& points) {
  return undecided_points(points.size(), [&](std::size_t i, std::size_t j) {
    return std::pair(side(points[i].first, points[j].first),
                     side(points[i].second, points[j].second));
  });
}

TEST(Pareto, SaysWhereItIsUndecided) {
  // Far apart: all is decided, on the front or off it.
  EXPECT_THAT(undecided({{0, 10}, {10, 0}, {5, 5}, {4, 4.0}}),
              testing::ElementsAre(false, false, true, true));
  EXPECT_THAT(undecided({{0, 10}, {10, 0}, {5, 5}, {3, 3}}),
              testing::ElementsAre(false, false, false, false));
  // The second beats the first by value, but in x nobody knows.
  EXPECT_THAT(undecided({{5, 5}, {5.5, 8}}), testing::ElementsAre(true, false));
  // Equal in x, better in y: decided.
  EXPECT_THAT(undecided({{5, 5}, {5, 8}}), testing::ElementsAre(false, false));
  // Equal points share their place.
  EXPECT_THAT(undecided({{5, 5}, {5, 5}}), testing::ElementsAre(false, false));
}

/// Where nothing is undecided there is the front and what is off it.
TEST(Pareto, WithoutDoubtNothingIsUndecided) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    Points points(20);
    for (auto& [x, y] : points) {
      x = 10 * static_cast<double>(random() % 50);
      y = 10 * static_cast<double>(random() % 50);
    }
    EXPECT_THAT(undecided(points), testing::Each(false));
  }
}

}  // namespace
}  // namespace assay
