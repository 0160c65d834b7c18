#include "harness/runner/remaining_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/runner/planned_cells.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;
using namespace testing_world;

std::string text(double low, double high, std::set<std::string> unknown = {}) {
  return estimate_text({{low, high}, std::move(unknown)});
}

TEST(EstimateText, SaysNoMoreThanAnEstimateKnows) {
  EXPECT_EQ(text(0, 0), "almost done");
  EXPECT_EQ(text(3, 4), "a few seconds left");
  EXPECT_EQ(text(38, 44), "about 40 s left");
  EXPECT_EQ(text(200, 210), "about 3 min left");
  EXPECT_EQ(text(120, 310), "2 to 5 min left");
  EXPECT_EQ(text(40, 310), "40 s to 5 min left");
  EXPECT_EQ(text(2, 310), "up to 5 min left");
  EXPECT_EQ(text(7300, 8000), "about 2.1 h left");
  EXPECT_EQ(text(3 * 86400, 5 * 86400), "3 to 5 days left");
}

TEST(EstimateText, SaysWhatIsUnknownUntilWhen) {
  EXPECT_EQ(text(0, 0, {"fit"}), "time left unknown until the first fit is done");
  EXPECT_EQ(text(130, 140, {"time"}),
            "at least 2 min left, unknown until the first timed process is done");
  EXPECT_EQ(text(0, 0, {"fit", "score"}),
            "time left unknown until the first fit and score are done");
}

ProcessKind kind(const std::string& pass, const std::string& method,
                 const std::string& model = "m") {
  return {pass, method, model, pass == "fit" ? "" : "s", "cpu"};
}

TEST(Durations, KnowNothingOfAPassThatNoProcessHasEnded) {
  Durations known;
  known.add(kind("score", "a"), 5);
  EXPECT_FALSE(known.expected(kind("fit", "a")).has_value());
}

TEST(Durations, TheSameSaysMoreThanOtherMethodsAndThoseMoreThanOtherModels) {
  Durations known;
  known.add(kind("fit", "a"), 10);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "a"))->low, 10);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "a"))->high, 10);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b"))->low, 5) << "one other: half to double";
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b"))->high, 20);
  known.add(kind("fit", "c"), 12);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b"))->low, 10) << "several: what they took";
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b"))->high, 12);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b", "other"))->low, 5);
  EXPECT_DOUBLE_EQ(known.expected(kind("fit", "b", "other"))->high, 24);
}

class Remaining : public testing::Test {
 protected:
  RemainingWork work(const Plan& plan) {
    RemainingWork left(plan, [this] { return now_; });
    for (const Cell& cell : plan.cells) {
      const bool timed = plan.suite_of(cell).kind == "speed";
      left.expect(cell, timed, false);
    }
    return left;
  }
  /// One process from its start to its end.
  void process(RemainingWork& left, const Cell& cell, const std::string& pass, double seconds) {
    left.begin(cell, pass);
    now_ += seconds;
    left.end(cell, seconds);
  }

  /// Of timed cells, with sampling that adapts from `fewest` processes an arm on.
  static Plan adaptive_plan(int fewest) {
    Plan plan = small_plan({"speed"});
    plan.experiment.processes_per_arm = fewest;
    plan.experiment.sampling.target_interval = 0.05;
    plan.experiment.sampling.budget_s = 200;
    plan.experiment.sampling.max_processes_per_arm = 40;
    return plan;
  }

  Home home_;
  double now_ = 1000;
};

TEST_F(Remaining, CountsFitsOncesAndScoresUntilTheyAreDone) {
  const Plan plan = small_plan({"quality"});
  RemainingWork left = work(plan);
  EXPECT_EQ(left.done(), 0U);
  EXPECT_THAT(left.estimate().unknown, ElementsAre("fit", "score"));
  process(left, plan.cells[0], "score", 20);
  left.finish(plan.cells[0]);
  EXPECT_EQ(left.done(), 1U);
  EXPECT_EQ(left.text(), "at least 10 s left, unknown until the first fit is done")
      << "the other score takes half to double of the first";
  process(left, plan.cells[1], "fit", 100);
  left.fitted("artefact-key");
  EXPECT_THAT(left.estimate().unknown, IsEmpty());
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 40);
  process(left, plan.cells[1], "score", 30);
  left.finish(plan.cells[1]);
  EXPECT_EQ(left.text(), "almost done");
  EXPECT_EQ(left.done(), 2U);
}

TEST_F(Remaining, WhatRunsIsLessTheLongerItRuns) {
  const Plan plan = small_plan({"quality"});
  RemainingWork left = work(plan);
  process(left, plan.cells[0], "score", 60);
  process(left, plan.cells[1], "fit", 100);
  left.finish(plan.cells[0]);
  left.fitted("artefact-key");
  left.begin(plan.cells[1], "score");
  EXPECT_EQ(left.text(), "30 s to 2 min left");
  now_ += 20;
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 100);
  now_ += 500;
  EXPECT_EQ(left.text(), "longer than expected");
}

TEST_F(Remaining, WhatRunsBesideOneAnotherIsSharedByThePlaces) {
  const Plan plan = small_plan({"quality", "quality"});
  RemainingWork left = work(plan);
  left.fitted("artefact-key");
  process(left, plan.cells[0], "score", 60);
  left.finish(plan.cells[0]);
  process(left, plan.cells[1], "score", 60);
  left.finish(plan.cells[1]);
  const SecondsRange one = left.estimate().seconds;
  left.use_places(2);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, one.low / 2);
  left.use_places(8);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, one.low / 2) << "two scores are left";
  left.begin(plan.cells[2], "score");
  left.begin(plan.cells[3], "score");
  now_ += one.low / 2;
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 0) << "both have run as long as that";
  left.end(plan.cells[2], 30);
  left.finish(plan.cells[2]);
  left.fail(plan.cells[3]);
  left.finish(plan.cells[3]);
  EXPECT_EQ(left.text(), "almost done");
}

TEST_F(Remaining, TimedProcessesOfAllArms) {
  Plan plan = small_plan({"speed"});
  plan.experiment.processes_per_arm = 5;
  RemainingWork left = work(plan);
  left.fitted("artefact-key");
  process(left, plan.cells[0], "time", 30);
  process(left, plan.cells[1], "time", 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 4 * 30 + 4 * 10);
  EXPECT_EQ(left.text(), "about 3 min left");
  left.begin(plan.cells[1], "time");
  left.fail(plan.cells[1]);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 4 * 30) << "an arm that failed is out";
}

TEST_F(Remaining, SamplingThatAdaptsEndsBetweenItsFewestProcessesAndItsBudget) {
  Plan plan = adaptive_plan(4);
  RemainingWork left = work(plan);
  left.fitted("artefact-key");
  process(left, plan.cells[0], "time", 10);
  process(left, plan.cells[1], "time", 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 6 * 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 180) << "what the budget leaves";
  plan.experiment.sampling.max_processes_per_arm = 6;
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 10 * 10) << "no more processes than these";
  plan.experiment.sampling.budget_s = 30;
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 60) << "the fewest, whatever the budget";
}

TEST_F(Remaining, AProcessBeyondTheFewestTakesNothingOffOthers) {
  const Plan plan = adaptive_plan(2);
  RemainingWork left = work(plan);
  left.fitted("artefact-key");
  process(left, plan.cells[0], "time", 10);
  process(left, plan.cells[1], "time", 10);
  process(left, plan.cells[1], "time", 10);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 10);
  left.begin(plan.cells[1], "time");
  now_ += 8;
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 10) << "that of the other arm is still to come";
}

TEST_F(Remaining, WhatIsLostIsToBeDoneAgain) {
  Plan plan = small_plan({"speed"});
  plan.experiment.processes_per_arm = 3;
  RemainingWork left = work(plan);
  left.fitted("artefact-key");
  process(left, plan.cells[0], "time", 10);
  process(left, plan.cells[1], "time", 10);
  left.begin(plan.cells[1], "time");
  left.begin_again(plan.cells[0]);
  left.begin_again(plan.cells[1]);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 6 * 10);
}

TEST_F(Remaining, ACountThatFailedIsNotWaitedFor) {
  const Plan plan = small_plan({"speed"});
  RemainingWork left(plan, [this] { return now_; });
  left.expect(plan.cells[0], true, true);
  process(left, plan.cells[0], "time", 10);
  EXPECT_THAT(left.estimate().unknown, ElementsAre("count"));
  left.begin(plan.cells[0], "count");
  left.fail(plan.cells[0]);
  EXPECT_THAT(left.estimate().unknown, IsEmpty());
}

TEST_F(Remaining, EarlierRunsAreKnownFromTheStart) {
  const Plan plan = small_plan({"quality"});
  RemainingWork left = work(plan);
  const std::vector<PlannedCell> cells = planned_cells(plan);
  std::vector<ProcessSpan> spans;
  for (const PlannedCell& cell : cells) {
    spans.push_back({"score", cell.method, cell.params_json, cell.model_name, cell.suite,
                     cell.suite_params_json, cell.profile, 90, 100, 2});
  }
  spans.push_back({"fit", cells[1].method, cells[1].params_json, cells[1].model_name,
                   "another-suite", "{}", cells[1].profile, 50, 60, 3});
  left.learn(Durations(spans));
  EXPECT_DOUBLE_EQ(left.estimate().seconds.low, 90 + 90 + 50);
  EXPECT_DOUBLE_EQ(left.estimate().seconds.high, 100 + 100 + 60);
  EXPECT_EQ(left.text(), "about 4 min left");
}

TEST_F(Remaining, CellsThatFailTakeTheirFitsWithThem) {
  const Plan plan = small_plan({"quality", "quality"});
  RemainingWork left = work(plan);
  process(left, plan.cells[0], "score", 60);
  left.begin(plan.cells[1], "fit");
  left.fail(plan.cells[1]);
  left.finish(plan.cells[1]);
  EXPECT_THAT(left.estimate().unknown, Contains("fit")) << "the other suite's cell waits for it";
  left.finish(plan.cells[3]);
  EXPECT_THAT(left.estimate().unknown, IsEmpty());
}

/// The whole way: a runner, a launcher that says how long things took, and what is shown.
TEST_F(Remaining, ARunnerShowsWhatIsDoneAndWhatIsLeft) {
  const Catalogue catalogue = small_catalogue();
  FakeLauncher launcher;
  launcher.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    run.process.wall_seconds = request.op == "fit" ? 300 : 60;
  };
  const Plan plan = small_plan({"quality", "speed"});
  KeptProgress progress;
  {
    Store store = Store::open(home_.path() / "results.db");
    run_plan(plan, catalogue, store, launcher, progress, {});
  }
  ASSERT_EQ(progress.lives.size(), 9U) << "two scores, a fit, six timed processes";
  EXPECT_THAT(progress.lives[0],
              Pair("[0/4] scoring quality-suite: dense",
                   "time left unknown until the first fit, score and timed process are done"));
  EXPECT_EQ(progress.lives[1].first, "[1/4] fitting prune sparsity=0.7");
  EXPECT_THAT(progress.lives[2], Pair("[1/4] scoring quality-suite: prune sparsity=0.7",
                                      "at least 30 s left, unknown until the first timed process "
                                      "is done"));
  EXPECT_THAT(progress.lives[8].first,
              AllOf(StartsWith("[2/4] timing speed-suite: "), HasSubstr(", process 3 of 3")));
  EXPECT_EQ(progress.lives[8].second, "about 60 s left");
  EXPECT_THAT(progress.steps, Contains(StartsWith("[4/4] ")));

  // Asked again of the same database with other keys, all of it is known.
  Plan again = plan;
  for (Cell& cell : again.cells) {
    cell.key_doc["changed"] = true;
    cell.key = json_hash(cell.key_doc);
  }
  KeptProgress second;
  Store store = Store::open(home_.path() / "results.db");
  run_plan(again, catalogue, store, launcher, second, {});
  EXPECT_EQ(second.lives.front().second, "about 8 min left") << "8 processes, the fit is cached";
}

}  // namespace
}  // namespace assay
