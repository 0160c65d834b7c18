#include "harness/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/search/search_fixture.h"

namespace assay::search {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The definition, without front.h.
bool dominated(const SearchResult& result, std::size_t index) {
  const Objectives& mine = result.evaluations[index].objectives;
  for (const Evaluation& other : result.evaluations) {
    const Objectives& theirs = other.objectives;
    if (other.fidelity == 1 && theirs[0] <= mine[0] && theirs[1] <= mine[1] && theirs != mine) {
      return true;
    }
  }
  return false;
}

TEST(Search, KeepsEachPointOnceAndItsFrontIsNotDominated) {
  const Space space = toy_space();
  const SearchResult result = run_search(toy_task(space, "local", toy_settings()));
  ASSERT_EQ(result.evaluations.size(), 100U);
  EXPECT_DOUBLE_EQ(result.spent, 100);
  std::set<Point> points;
  for (const Evaluation& evaluation : result.evaluations) points.insert(evaluation.point);
  EXPECT_EQ(points.size(), 100U);
  const std::set<std::size_t> front(result.front.begin(), result.front.end());
  for (std::size_t i = 0; i < result.evaluations.size(); ++i) {
    EXPECT_NE(front.contains(i), dominated(result, i)) << i;
  }
  for (std::size_t i = 1; i < result.front.size(); ++i) {
    EXPECT_LE(result.evaluations[result.front[i - 1]].objectives[1],
              result.evaluations[result.front[i]].objectives[1]);
  }
}

TEST(Search, EndsWhereThereIsNothingMoreToFind) {
  const Space space = toy_space(2, 3);
  int calls = 0;
  SearchTask task = toy_task(space, "random", toy_settings());
  task.evaluate = [&](const Asked& asked) {
    ++calls;
    return toy_objectives(space, asked.point);
  };
  const SearchResult result = run_search(task);
  EXPECT_EQ(calls, 9);
  EXPECT_EQ(result.evaluations.size(), 9U);
  EXPECT_GT(result.repeated, 0U);
  ASSERT_EQ(result.remarks.size(), 1U);
  EXPECT_EQ(result.remarks[0].code, "search_exhausted");
  EXPECT_THAT(result.remarks[0].text, HasSubstr("9 different points of 9"));
}

TEST(Search, ASearcherThatOnlyRepeatsItselfEndsToo) {
  // The largest point is within the target: nothing can be raised, and nothing has to give.
  Space space = toy_space();
  space.size = [](const Point&) { return 0.5; };
  SearchTask task = toy_task(space, "evopress", toy_settings());
  task.settings.targets = {0.5};
  task.evaluate = [](const Asked& asked) { return Objectives{asked.fidelity, 0.5}; };
  const SearchResult result = run_search(task);
  ASSERT_EQ(result.remarks.size(), 1U);
  EXPECT_EQ(result.remarks[0].code, "search_exhausted");
  EXPECT_EQ(result.spent, 1 + 1.0 / 16);
}

TEST(Search, FailedCandidatesAreKeptButNeverOnTheFront) {
  const Space space = toy_space();
  for (const std::string name : {"random", "local", "nsga2", "morea", "stratified"}) {
    SearchTask task = toy_task(space, name, toy_settings());
    int calls = 0;
    task.evaluate = [&](const Asked& asked) {
      Objectives objectives = toy_objectives(space, asked.point);
      const double failures[] = {std::nan(""), kInfinity, -kInfinity};
      if (++calls % 3 == 0) objectives[0] = failures[calls / 3 % 3];
      return objectives;
    };
    const SearchResult result = run_search(task);
    EXPECT_EQ(result.evaluations.size(), 100U) << name;
    int failed = 0;
    for (const Evaluation& evaluation : result.evaluations) {
      failed += !std::isfinite(evaluation.objectives[0]);
    }
    EXPECT_EQ(failed, 33) << name;
    EXPECT_FALSE(result.front.empty());
    for (const std::size_t i : result.front) {
      EXPECT_TRUE(std::isfinite(result.evaluations[i].objectives[0])) << name;
    }
  }
}

TEST(Search, FailedCandidatesDoNotLead) {
  // All small points fail. A searcher that saw their sizes would stay with the smallest.
  const Space space = toy_space();
  SearchTask task = toy_task(space, "local", toy_settings(1, 150));
  task.evaluate = [&](const Asked& asked) {
    Objectives objectives = toy_objectives(space, asked.point);
    if (objectives[1] < 0.5) objectives[0] = std::nan("");
    return objectives;
  };
  const SearchResult result = run_search(task);
  int failed = 0;
  for (const Evaluation& evaluation : result.evaluations) {
    failed += std::isnan(evaluation.objectives[0]);
  }
  EXPECT_LT(failed, 50);
}

TEST(Search, NothingButFailuresHasNoFront) {
  const Space space = toy_space();
  for (const std::string name : {"local", "nsga2", "morea", "evopress"}) {
    SearchTask task = toy_task(space, name, toy_settings());
    task.evaluate = [](const Asked&) { return Objectives{std::nan(""), std::nan("")}; };
    EXPECT_TRUE(run_search(task).front.empty()) << name;
  }
}

TEST(Search, TheFrontHasOnlyWhatSawAllData) {
  const Space space = toy_space();
  const SearchResult result = run_search(toy_task(space, "evopress", toy_settings()));
  int parts = 0;
  for (const Evaluation& evaluation : result.evaluations) parts += evaluation.fidelity < 1;
  EXPECT_GT(parts, 0);
  for (const std::size_t i : result.front) EXPECT_EQ(result.evaluations[i].fidelity, 1);
}

TEST(Search, SaysHowFarItIs) {
  const Space space = toy_space();
  SearchTask task = toy_task(space, "random", toy_settings(0, 5));
  std::vector<double> spent;
  task.on_evaluation = [&](const Evaluation&, double so_far) { spent.push_back(so_far); };
  run_search(task);
  EXPECT_EQ(spent, (std::vector<double>{1, 2, 3, 4, 5}));
}

TEST(Search, RefusesBadSettings) {
  const Space space = toy_space();
  const auto run = [&](const std::string& name, const SearcherSettings& settings) {
    return [&space, name, settings] { run_search(toy_task(space, name, settings)); };
  };
  EXPECT_THAT(run("nsga3", toy_settings()),
              ThrowsMessage<UserError>(AllOf(HasSubstr("nsga3"), HasSubstr("nsga2"))));
  EXPECT_THAT(run("random", {.evaluations = 0}),
              ThrowsMessage<UserError>(HasSubstr("evaluations is 0; at least 1")));
  EXPECT_THAT(run("nsga2", {.population = 1}),
              ThrowsMessage<UserError>(HasSubstr("population is 1; at least 2")));
  EXPECT_NO_THROW(run("random", {.evaluations = 3, .population = 1})());
  EXPECT_THAT(run("morea", {.population = 4, .sample = 5}),
              ThrowsMessage<UserError>(HasSubstr("population of 4 has not so many")));
  EXPECT_THAT(run("stratified", {.bins = 0}), ThrowsMessage<UserError>(HasSubstr("bins is 0")));
  EXPECT_THAT(run("evopress", {}), ThrowsMessage<UserError>(HasSubstr("at least one size")));
  EXPECT_THAT(run("evopress", {.targets = {0.5, 1.5}}),
              ThrowsMessage<UserError>(HasSubstr("target 1.5 is no size")));
  EXPECT_THAT(run("evopress", {.targets = {0.1}}),
              ThrowsMessage<UserError>(HasSubstr("target 0.1 cannot be reached")));
  EXPECT_THAT(run("evopress", {.evaluations = 11, .targets = {0.4, 0.6}}),
              ThrowsMessage<UserError>(HasSubstr("at least 12 are needed")));
}

TEST(Search, RefusesATaskWithoutSpaceOrEvaluation) {
  EXPECT_THROW(run_search({}), std::invalid_argument);
}

}  // namespace
}  // namespace assay::search
