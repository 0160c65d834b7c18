#include "harness/tune/monotone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace assay::tune {
namespace {

using testing::ElementsAre;

TEST(Monotone, TakesTheSignOfMostPairsOfNeighboursInOneAxis) {
  const std::vector<std::vector<double>> places = {{1, 0}, {2, 0}, {5, 0}, {1, 1}, {2, 1}};
  EXPECT_THAT(directions_of(places, {9, 8, 8.5, 9, 7}), ElementsAre(-1, -1));
  EXPECT_THAT(directions_of(places, {1, 2, 3, 1, 2}), ElementsAre(1, 0))
      << "equal along the second";
  EXPECT_THAT(directions_of({{1, 0}, {2, 1}}, {1, 2}), ElementsAre(0, 0)) << "no such pair";
}

TEST(Monotone, MeetsHalfWay) {
  const std::vector<std::vector<double>> places = {{0}, {1}, {2}, {3}};
  EXPECT_THAT(monotone(places, {4, 2, 3, 1}, {-1}), ElementsAre(4, 2.5, 2.5, 1));
  EXPECT_THAT(monotone(places, {4, 3, 3, 1}, {-1}), ElementsAre(4, 3, 3, 1)) << "as it was";
  EXPECT_THAT(monotone(places, {4, 2, 3, 1}, {0}), ElementsAre(4, 2, 3, 1)) << "no direction";
  EXPECT_THAT(monotone(places, {4, 3, 2, 1}, {1}), ElementsAre(2.5, 2.5, 2.5, 2.5));
}

TEST(Monotone, IsMonotoneInEachAxisThatHasADirection) {
  std::mt19937_64 engine(7);
  std::uniform_real_distribution<double> value(0, 1);
  std::vector<std::vector<double>> places;
  std::vector<double> values;
  for (double x = 0; x < 4; ++x) {
    for (double y = 0; y < 4; ++y) {
      places.push_back({x, y});
      values.push_back(value(engine));
    }
  }
  const std::vector<double> result = monotone(places, values, {-1, 1});
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t j = 0; j < places.size(); ++j) {
      if (places[i][0] <= places[j][0] && places[i][1] >= places[j][1]) {
        EXPECT_GE(result[i], result[j]);
      }
    }
  }
}

}  // namespace
}  // namespace assay::tune
