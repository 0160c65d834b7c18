#include "harness/search/front.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/base/json.h"
#include "harness/base/python_random.h"
#include "tests/support/build_paths.h"

namespace assay::search {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool dominates(const Objectives& a, const Objectives& b) {
  return a[0] <= b[0] && a[1] <= b[1] && a != b;
}

std::vector<bool> plain_front(const std::vector<Objectives>& points) {
  std::vector<bool> flags;
  flags.reserve(points.size());
  for (const Objectives& point : points) {
    flags.push_back(std::none_of(points.begin(), points.end(),
                                 [&](const Objectives& other) { return dominates(other, point); }));
  }
  return flags;
}

std::vector<int> plain_ranks(std::vector<Objectives> points) {
  std::vector<int> ranks(points.size(), -1);
  for (int rank = 0; std::count(ranks.begin(), ranks.end(), -1) > 0; ++rank) {
    std::vector<std::size_t> front;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto beaten_by = [&](std::size_t j) {
        return ranks[j] == -1 && dominates(points[j], points[i]);
      };
      bool beaten = ranks[i] != -1;
      for (std::size_t j = 0; j < points.size(); ++j) beaten = beaten || beaten_by(j);
      if (!beaten) front.push_back(i);
    }
    for (const std::size_t i : front) ranks[i] = rank;
  }
  return ranks;
}

/// Points with coordinates k / 8: cells of a grid are dominated whole or not at all.
double counted_area(const std::vector<Objectives>& points, const Objectives& reference) {
  int cells = 0;
  for (int x = 0; x < std::lround(reference[0] * 8); ++x) {
    for (int y = 0; y < std::lround(reference[1] * 8); ++y) {
      const double left = x / 8.0, low = y / 8.0;
      cells += std::any_of(points.begin(), points.end(), [&](const Objectives& point) {
        return point[0] <= left && point[1] <= low;
      });
    }
  }
  return cells / 64.0;
}

std::vector<Objectives> random_points(std::size_t count, PythonRandom& random) {
  std::vector<Objectives> points(count);
  for (Objectives& point : points) {
    for (double& value : point) value = static_cast<double>(random.randint(0, 10)) / 8;
  }
  return points;
}

double number_of(const Json& value) { return value == "inf" ? kInfinity : value.get<double>(); }

const Json& reference_document() {
  static const Json document = read_json_file(source_dir() / "tests/data/search/fronts.json");
  return document;
}

TEST(Front, AgreesWithTheReferenceFronts) {
  ASSERT_EQ(reference_document().at("fronts").size(), 8U);
  for (const Json& front : reference_document().at("fronts")) {
    const auto points = front.at("points").get<std::vector<Objectives>>();
    EXPECT_EQ(non_dominated(points), front.at("pareto").get<std::vector<bool>>())
        << front.at("name");
    EXPECT_NEAR(hypervolume(points, front.at("reference").get<Objectives>()),
                front.at("hypervolume").get<double>(), 1e-12)
        << front.at("name");
  }
}

TEST(Front, AgreesWithTheReferenceRanksAndDistances) {
  const Json& expected = reference_document().at("nsga2");
  const auto points = expected.at("points").get<std::vector<Objectives>>();
  const std::vector<int> found = ranks(points);
  EXPECT_EQ(found, expected.at("rank").get<std::vector<int>>());
  const std::vector<double> distances = crowding(points, found);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double wanted = number_of(expected.at("crowding").at(i));
    if (std::isinf(wanted)) {
      EXPECT_EQ(distances[i], wanted) << i;
    } else {
      EXPECT_NEAR(distances[i], wanted, 1e-8) << i;
    }
  }
}

TEST(Front, AgreesWithPlainDefinitions) {
  PythonRandom random(1);
  for (int round = 0; round < 300; ++round) {
    const auto points = random_points(static_cast<std::size_t>(random.randint(0, 25)), random);
    EXPECT_EQ(non_dominated(points), plain_front(points)) << round;
    EXPECT_EQ(ranks(points), plain_ranks(points)) << round;
    EXPECT_DOUBLE_EQ(hypervolume(points, {1, 1.125}), counted_area(points, {1, 1.125})) << round;
  }
}

TEST(Front, DoesNotDependOnOrderNorOnDominatedPoints) {
  PythonRandom random(2);
  for (int round = 0; round < 50; ++round) {
    auto points = random_points(20, random);
    const double area = hypervolume(points, {1, 1});
    random.shuffle(points);
    EXPECT_DOUBLE_EQ(hypervolume(points, {1, 1}), area);
    const std::vector<bool> flags = non_dominated(points);
    std::vector<Objectives> front;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (flags[i]) front.push_back(points[i]);
    }
    EXPECT_DOUBLE_EQ(hypervolume(front, {1, 1}), area);
  }
}

TEST(Front, FailedPointsAreLastAndCountForNothing) {
  const std::vector<Objectives> points = {
      {kInfinity, kInfinity}, {0.5, 0.5}, {kInfinity, kInfinity}};
  EXPECT_EQ(ranks(points), (std::vector<int>{1, 0, 1}));
  EXPECT_DOUBLE_EQ(hypervolume(points, {1, 1}), 0.25);
  const std::vector<double> distances = crowding(points, ranks(points));
  EXPECT_FALSE(std::any_of(distances.begin(), distances.end(), [](double d) { return d != d; }));
}

TEST(Front, EqualPointsOfARankAreCrowdedByNothing) {
  const std::vector<Objectives> points(4, Objectives{0.5, 0.5});
  EXPECT_EQ(crowding(points, ranks(points)), (std::vector<double>{kInfinity, 0, 0, kInfinity}));
}

TEST(Front, Domain) {
  EXPECT_TRUE(non_dominated({}).empty());
  EXPECT_TRUE(ranks({}).empty());
  EXPECT_EQ(hypervolume({}, {1, 1}), 0);
  const std::vector<Objectives> nan = {{0.5, std::nan("")}};
  EXPECT_THROW(non_dominated(nan), std::invalid_argument);
  EXPECT_THROW(ranks(nan), std::invalid_argument);
  EXPECT_THROW(hypervolume(nan, {1, 1}), std::invalid_argument);
  EXPECT_THROW(crowding(nan, {0}), std::invalid_argument);
  const std::vector<Objectives> one = {{0.5, 0.5}};
  EXPECT_THROW(hypervolume(one, {kInfinity, 1}), std::invalid_argument);
  EXPECT_THROW(crowding(one, {0, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::search
