// The front against the definition, point by point.

#include "reports/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace assay
