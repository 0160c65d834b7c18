#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "harness/search/moves.h"
#include "harness/search/search_fixture.h"

namespace assay::search {
namespace {

/// What a searcher asks when it is driven by hand, without a record.
std::vector<Asked> asked_by(const std::string& name, const Space& space,
                            const SearcherSettings& settings, std::size_t count) {
  const std::unique_ptr<Searcher> one = searcher(name).make(space, settings);
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < count; ++i) {
    asked.push_back(one->ask());
    one->tell(asked.back(), noisy_objectives(space, asked.back()));
  }
  return asked;
}

class AnySearcher : public testing::TestWithParam<std::string> {};

TEST_P(AnySearcher, IsAFunctionOfItsSeedAndItsHistory) {
  const Space space = toy_space();
  const auto first = asked_by(GetParam(), space, toy_settings(3), 150);
  EXPECT_EQ(asked_by(GetParam(), space, toy_settings(3), 150), first);
  EXPECT_NE(asked_by(GetParam(), space, toy_settings(4), 150), first);
}

TEST_P(AnySearcher, AsksForWhatIsInTheSpace) {
  for (const Space& space : {toy_space(), toy_space(1, 2), toy_space(3, 1), toy_space(30, 2)}) {
    SearcherSettings settings = toy_settings(1);
    settings.targets = {1};
    for (const Asked& asked : asked_by(GetParam(), space, settings, 200)) {
      ASSERT_TRUE(contains(space, asked.point));
      ASSERT_GT(asked.fidelity, 0);
      ASSERT_LE(asked.fidelity, 1);
      if (!searcher(GetParam()).asks_parts) {
        ASSERT_EQ(asked.fidelity, 1);
      }
    }
  }
}

TEST_P(AnySearcher, KeepsItsBudget) {
  const Space space = toy_space();
  for (const std::int64_t budget : {12, 37, 100}) {
    const SearchResult result = run_search(toy_task(space, GetParam(), toy_settings(2, budget)));
    double spent = 0;
    for (const Evaluation& evaluation : result.evaluations) spent += evaluation.fidelity;
    EXPECT_DOUBLE_EQ(result.spent, spent);
    EXPECT_LE(spent, static_cast<double>(budget));
    EXPECT_GT(spent, static_cast<double>(budget) - 1);
  }
}

TEST_P(AnySearcher, HasANameAndASummary) {
  const SearcherInfo& info = searcher(GetParam());
  EXPECT_EQ(info.name, GetParam());
  EXPECT_FALSE(info.summary.empty());
  EXPECT_THAT(searcher_names(), testing::Contains(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Searchers, AnySearcher, testing::ValuesIn(quick_searchers()));

double mean_volume(const std::string& name) {
  const Space space = toy_space();
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    sum += front_volume(run_search(toy_task(space, name, toy_settings(seed))));
  }
  return sum / 10;
}

TEST(Searchers, ThoseThatLearnBeatRandomPoints) {
  const double random = mean_volume("random");
  EXPECT_GT(mean_volume("stratified"), random);
  for (const std::string name : {"local", "nsga2", "morea"}) {
    EXPECT_GT(mean_volume(name), random) << name;
  }
}

TEST(Searchers, ThoseThatSaySoBeginWithTheCornersAndTheMiddle) {
  const Space space = toy_space();
  for (const std::string name : {"local", "nsga2", "morea"}) {
    const std::vector<Asked> asked = asked_by(name, space, toy_settings(), 3);
    EXPECT_EQ(asked[0].point, largest_point(space)) << name;
    EXPECT_EQ(asked[1].point, smallest_point(space)) << name;
    EXPECT_EQ(asked[2].point, midpoint(space)) << name;
  }
}

TEST(Random, IsUniform) {
  const Space space = toy_space(2, 3);
  std::map<Point, int> counts;
  for (const Asked& asked : asked_by("random", space, toy_settings(), 9000)) ++counts[asked.point];
  double chi_squared = 0;
  for (const auto& [point, count] : counts) chi_squared += std::pow(count - 1000, 2) / 1000.0;
  EXPECT_EQ(counts.size(), 9U);
  EXPECT_LT(chi_squared, 26.1);  // the 0.999 quantile with 8 degrees of freedom
}

std::vector<int> counts_by_size(const std::string& name, const Space& space, int bins,
                                std::size_t count) {
  const double least = space.size(smallest_point(space));
  const double width = (space.size(largest_point(space)) - least) / bins;
  std::vector<int> counts(static_cast<std::size_t>(bins), 0);
  for (const Asked& asked : asked_by(name, space, toy_settings(), count)) {
    const int bin = static_cast<int>((space.size(asked.point) - least) / width);
    ++counts[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))];
  }
  return counts;
}

TEST(Stratified, FillsRangesOfSizeEvenly) {
  const Space space = toy_space(4, 11);  // 40 steps between smallest and largest
  const std::vector<int> even = counts_by_size("stratified", space, 20, 100);
  // Five a bin; the last ones have fewer points than that, or their draws meet none.
  for (std::size_t bin = 2; bin < 18; ++bin) EXPECT_EQ(even[bin], 5) << bin;
  const std::vector<int> uneven = counts_by_size("random", space, 20, 100);
  EXPECT_LT(*std::min_element(uneven.begin() + 2, uneven.end() - 2), 2);
}

TEST(Stratified, SaysWhichSizesItNeverMet) {
  const Space space = toy_space(40, 2);  // sizes below 0.6 take 32 small axes of 40: never drawn
  const SearchResult result = run_search(toy_task(space, "stratified", toy_settings()));
  EXPECT_EQ(result.evaluations.size(), 100U);
  ASSERT_EQ(result.remarks.size(), 1U);
  EXPECT_EQ(result.remarks[0].code, "search_bins_unreached");
  EXPECT_THAT(result.remarks[0].text, testing::HasSubstr("0.500-0.525, 0.525-0.550"));
  EXPECT_THAT(result.remarks[0].text, testing::Not(testing::HasSubstr("0.750")));
}

TEST(Local, AsksForNeighboursOfTheFront) {
  const Space space = toy_space();
  const std::unique_ptr<Searcher> local = searcher("local").make(space, toy_settings());
  std::vector<Point> points;
  std::vector<Objectives> objectives;
  for (int i = 0; i < 100; ++i) {
    const Asked asked = local->ask();
    if (i >= 3) {
      const std::vector<bool> front = non_dominated(objectives);
      int nearest = 99;
      for (std::size_t k = 0; k < points.size(); ++k) {
        const int changed =
            std::inner_product(points[k].begin(), points[k].end(), asked.point.begin(), 0,
                               std::plus<>(), [](int a, int b) { return a != b ? 1 : 0; });
        if (front[k]) nearest = std::min(nearest, changed);
      }
      EXPECT_LE(nearest, 1);
    }
    points.push_back(asked.point);
    objectives.push_back(toy_objectives(space, asked.point));
    local->tell(asked, objectives.back());
  }
}

TEST(Nsga2, ChildrenConsistOfTheirParentsValues) {
  // With two axes of many values a child differs from both parents on an axis only by mutation,
  // with probability 1 / 2 each: children with no value of the population on either are few.
  const Space space = toy_space(2, 1000);
  const std::vector<Asked> asked = asked_by("nsga2", space, toy_settings(1), 2000);
  int known = 0, axes = 0;
  for (std::size_t i = 10; i < asked.size(); ++i) {
    for (std::size_t axis = 0; axis < 2; ++axis, ++axes) {
      known += std::any_of(
          asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(i / 10 * 10),
          [&](const Asked& other) { return other.point[axis] == asked[i].point[axis]; });
    }
  }
  EXPECT_NEAR(known / static_cast<double>(axes), 0.5, 0.35);
  EXPECT_GT(known, axes / 2);
}

TEST(Morea, ParentsComeFromThePopulationAlone) {
  // The oldest die: a child is a neighbour of one of the last ten.
  const Space space = toy_space(12, 9);
  const std::vector<Asked> asked = asked_by("morea", space, toy_settings(1), 200);
  for (std::size_t i = 10; i < asked.size(); ++i) {
    int nearest = 99;
    for (std::size_t k = i - 10; k < i; ++k) {
      int changed = 0;
      for (std::size_t axis = 0; axis < 12; ++axis) {
        changed += asked[k].point[axis] != asked[i].point[axis];
      }
      nearest = std::min(nearest, changed);
    }
    EXPECT_LE(nearest, 1) << i;  // 0: two mutations undid each other
  }
}

/// Best loss at or below a size among all points, by trying all sizes of the toy problem.
double best_loss(const Space& space, double target) {
  // Dynamic programming over the axes: least loss for each number of kept parts.
  const auto most = static_cast<int>(space.axes[0].values.size());
  std::vector<double> least(1, 0);
  double weight = 1, weights = 0;
  for (std::size_t axis = 0; axis < space.axes.size(); ++axis, weight /= 2) {
    std::vector<double> next(least.size() + static_cast<std::size_t>(most), 1e9);
    for (std::size_t kept = 0; kept < least.size(); ++kept) {
      for (int value = 1; value <= most; ++value) {
        const double loss = weight * std::pow((most - value) / (most - 1.0), 2);
        double& place = next[kept + static_cast<std::size_t>(value)];
        place = std::min(place, least[kept] + loss);
      }
    }
    least = next;
    weights += weight;
  }
  const auto parts =
      static_cast<std::size_t>(target * static_cast<double>(least.size() - 1) + 1e-9);
  return *std::min_element(least.begin(), least.begin() + static_cast<std::ptrdiff_t>(parts) + 1) /
         weights;
}

double best_found(const SearchResult& result, double target) {
  double best = 1e9;
  for (const Evaluation& evaluation : result.evaluations) {
    if (evaluation.fidelity == 1 && evaluation.objectives[1] <= target) {
      best = std::min(best, evaluation.objectives[0]);
    }
  }
  return best;
}

TEST(Evopress, FindsTheBestPointOfEachTarget) {
  const Space space = toy_space();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const SearchResult found = run_search(toy_task(space, "evopress", toy_settings(seed)));
    const SearchResult random = run_search(toy_task(space, "random", toy_settings(seed)));
    for (const double target : toy_settings().targets) {
      const double best = best_loss(space, target);
      EXPECT_GE(best_found(found, target), best - 1e-12);
      EXPECT_LT(best_found(found, target), best + 0.01) << "seed " << seed << " target " << target;
      EXPECT_LT(best_found(found, target), best_found(random, target));
    }
  }
}

TEST(Evopress, StaysWithinItsTargetsAndSharesTheBudget) {
  const Space space = toy_space(20, 9);
  SearcherSettings settings = toy_settings(1, 90);
  settings.targets = {0.3, 0.9, 0.5};
  const SearchResult result = run_search(toy_task(space, "evopress", settings));
  std::map<double, double> spent;
  for (const Evaluation& evaluation : result.evaluations) {
    const double size = evaluation.objectives[1];
    EXPECT_LE(size, 0.9);
    // Points lie closely below their target: a child keeps most of what it gained.
    for (const double target : {0.3, 0.5, 0.9}) {
      if (size > target + 1e-12) continue;
      spent[target] += evaluation.fidelity;
      break;
    }
  }
  for (const auto& [target, share] : spent) EXPECT_NEAR(share, 30, 5) << target;
}

TEST(Evopress, LeavesATargetWhoseNeighboursItAllKnows) {
  const Space space = toy_space(3, 3);
  SearcherSettings settings = toy_settings(1, 90);
  settings.targets = {0.4, 0.9};
  const SearchResult result = run_search(toy_task(space, "evopress", settings));
  EXPECT_NEAR(best_found(result, 0.9), best_loss(space, 0.9), 1e-12);
  EXPECT_NEAR(best_found(result, 0.4), best_loss(space, 0.4), 1e-12);
  EXPECT_LT(result.spent, 45);
}

TEST(Evopress, SelectsInRoundsWithGrowingData) {
  const Space space = toy_space();
  const std::vector<Asked> asked = asked_by("evopress", space, toy_settings(1, 1000), 16 + 3 * 23);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (i < 16) {
      EXPECT_EQ(asked[i].fidelity, 1.0 / 16);  // candidates for the first parent
      continue;
    }
    const std::size_t place = (i - 16) % 23;  // 16 children, 4 survivors, 2 of these, the parent
    const double expected = place < 16 ? 1.0 / 16 : place < 20 ? 1.0 / 4 : 1;
    EXPECT_EQ(asked[i].fidelity, expected) << i;
  }
}

}  // namespace
}  // namespace assay::search
