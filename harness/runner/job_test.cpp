#include "harness/runner/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using namespace testing_world;

using ::testing::ElementsAre;

bool of_speed(const Plan& plan, const Cell& cell) { return plan.suite_of(cell).kind == "speed"; }

std::vector<Job> cut(const Plan& plan, std::uint64_t seed = 0) {
  return jobs_of(
      plan, [&](const Cell& cell) { return of_speed(plan, cell); }, seed);
}

std::vector<std::int64_t> ordinals(const Job& job) {
  std::vector<std::int64_t> numbers;
  for (const Cell* cell : job.cells) numbers.push_back(cell->ordinal);
  return numbers;
}

/// small_plan() has the cells dense, prune of each suite in this order.
TEST(Jobs, ScoresOfAnArtefactAreOneJobAndTimesOfASuiteAnother) {
  const Plan plan = small_plan({"quality", "speed", "quality"});
  const std::vector<Job> jobs = cut(plan);
  ASSERT_EQ(jobs.size(), 3U);
  EXPECT_EQ(jobs[0].kind, Job::Kind::kScores);
  EXPECT_THAT(ordinals(jobs[0]), ElementsAre(0, 4));
  EXPECT_THAT(ordinals(jobs[1]), ElementsAre(1, 5));
  EXPECT_EQ(jobs[2].kind, Job::Kind::kTimes);
  EXPECT_THAT(ordinals(jobs[2]), ElementsAre(2, 3));
  EXPECT_EQ(cell_count(jobs), plan.cells.size());
}

TEST(Jobs, WhatIsKnownIsAJobOfItsOwn) {
  Plan plan = small_plan({"quality", "speed", "quality"});
  plan.cells[2].unmet = plan.cells[4].unmet = OutcomeReason{Outcome::kUnmet, "requirement", "no"};
  const std::vector<Job> jobs = cut(plan);
  ASSERT_EQ(jobs.size(), 5U);
  EXPECT_THAT(ordinals(jobs[0]), ElementsAre(0));
  EXPECT_EQ(jobs[2].kind, Job::Kind::kKnown);
  EXPECT_THAT(ordinals(jobs[2]), ElementsAre(2));
  EXPECT_THAT(ordinals(jobs[4]), ElementsAre(3));
}

/// Everything that decides what is loaded, and where.
TEST(Jobs, WhatIsLoadedOtherwiseIsAnotherJob) {
  const auto jobs_when = [](const std::function<void(Plan&)>& change) {
    Plan plan = small_plan({"quality", "quality"});
    plan.models.push_back(plan.models[0]);
    change(plan);
    return cut(plan).size();
  };
  EXPECT_EQ(jobs_when([](Plan&) {}), 2U);
  EXPECT_EQ(jobs_when([](Plan& plan) { plan.cells[2].model = 1; }), 3U);
  EXPECT_EQ(jobs_when([](Plan& plan) { plan.cells[3].artefact_key = "other"; }), 3U);
  EXPECT_EQ(jobs_when([](Plan& plan) { plan.cells[2].profile = "other"; }), 3U);
  EXPECT_EQ(jobs_when([](Plan& plan) { plan.cells[2].seed = 1; }), 2U) << "the same bare model";
  EXPECT_EQ(jobs_when([](Plan& plan) {
              plan.models[0].choice.random_weights = true;
              plan.cells[2].seed = 1;
            }),
            3U);
}

TEST(Jobs, EveryCellIsInOneJobAndTheSeedOrdersTheGroupsAlone) {
  const Plan plan = small_plan({"speed", "quality", "speed", "speed", "speed", "quality"});
  std::set<std::vector<std::int64_t>> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::int64_t> all, timed;
    for (const Job& job : cut(plan, seed)) {
      for (const std::int64_t ordinal : ordinals(job)) all.push_back(ordinal);
      if (job.kind == Job::Kind::kTimes) timed.push_back(job.cells.front()->ordinal);
    }
    EXPECT_EQ(all[0], 2);
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i));
    EXPECT_EQ(all.size(), plan.cells.size());
    orders.insert(timed);
  }
  EXPECT_GT(orders.size(), 5U);
}

}  // namespace
}  // namespace assay
