#include "harness/runner/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/runner/core_shares.h"
#include "harness/runner/runner_test_world.h"
#include "harness/runner/side_by_side.h"

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

TEST(Jobs, TheNextIsTheFirstThatIsInNobodysWay) {
  const Plan plan = small_plan({"quality", "quality", "quality"});
  std::deque<Job> waiting;
  for (const Cell& cell : plan.cells) waiting.push_back({Job::Kind::kScores, {&cell}});
  const auto same_suite = [](const Job& one, const Job& other) {
    return one.cells[0]->suite == other.cells[0]->suite;
  };
  const Job first = waiting[0], third = waiting[2];
  EXPECT_EQ(next_job(waiting, {}, same_suite), waiting.begin());
  EXPECT_EQ(next_job(waiting, {&first}, same_suite), waiting.begin() + 2);
  EXPECT_EQ(next_job(waiting, {&third, &first}, same_suite), waiting.begin() + 4);
  waiting.resize(4);
  EXPECT_EQ(next_job(waiting, {&third, &first}, same_suite), waiting.end());
}

/// What runs beside one another: everything, but for what is fitted and for a GPU.
TEST(Jobs, AreInEachOthersWayAsLongAsTheSameFitIsToBeMade) {
  const Home home;
  const Plan plan = small_plan({"quality", "quality"});
  Catalogue catalogue = small_catalogue();
  const Job dense{Job::Kind::kScores, {&plan.cells[0]}},
      prune{Job::Kind::kScores, {&plan.cells[1]}}, other{Job::Kind::kScores, {&plan.cells[3]}},
      known{Job::Kind::kKnown, {&plan.cells[3]}};
  EXPECT_FALSE(in_each_others_way(plan, catalogue, dense, prune));
  EXPECT_TRUE(in_each_others_way(plan, catalogue, prune, other));
  EXPECT_FALSE(in_each_others_way(plan, catalogue, prune, known));
  std::filesystem::create_directories(artefact_path("artefact-key").parent_path());
  write_file_atomically(artefact_path("artefact-key"), "made");
  EXPECT_FALSE(in_each_others_way(plan, catalogue, prune, other));
  catalogue.profiles[0].device = "cuda";
  EXPECT_TRUE(in_each_others_way(plan, catalogue, dense, prune)) << "one GPU";
}

TEST(Jobs, WorkersGetCoresOfTheirOwnWhereThereAreEnough) {
  const std::vector<int> cores = {2, 3, 6, 7, 8};
  EXPECT_EQ(share_of_cores(cores, 2, 0, 2), (std::vector<int>{2, 3}));
  EXPECT_EQ(share_of_cores(cores, 2, 1, 2), (std::vector<int>{6, 7}));
  EXPECT_EQ(share_of_cores(cores, 2, 1, 3), cores) << "six threads";
  EXPECT_EQ(share_of_cores(cores, 2, 0, 1), cores) << "alone";
  EXPECT_EQ(share_of_cores({}, 2, 0, 2), std::vector<int>{});
  const Plan plan = small_plan({"quality"});
  Plan planned = plan;
  planned.experiment.profiles = {"cpu"};
  Catalogue catalogue = small_catalogue();
  catalogue.profiles[0].threads = 2;
  catalogue.profiles[0].cores = cores;
  EXPECT_THAT(notes_on_places(planned, catalogue, 2), ::testing::IsEmpty());
  EXPECT_THAT(notes_on_places(planned, catalogue, 3),
              ElementsAre(::testing::HasSubstr("3 workers with 2 threads each share 5 cores")));
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
