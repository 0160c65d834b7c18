// What is tried again at once, and what of it stays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/runner/runner_test_world.h"
#include "harness/store/records.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using namespace testing_world;

const OutcomeReason kSegv{Outcome::kCrashed, "signal:SIGSEGV", "the worker died of SIGSEGV"};

TEST(RetryPolicy, OfItselfTakesDeathsBySignalsOnce) {
  const RetryPolicy policy;
  EXPECT_TRUE(policy.allows(kSegv, 0));
  EXPECT_FALSE(policy.allows(kSegv, 1));
  for (const OutcomeReason& stays : {OutcomeReason{Outcome::kCrashed, "error", ""},
                                     {Outcome::kCrashed, "signal:SIGTERM", ""},
                                     {Outcome::kCrashed, "incomplete_reply", ""},
                                     {Outcome::kTimeout, "limit", ""},
                                     {Outcome::kOom, "host", ""},
                                     {Outcome::kNan, "metric", ""},
                                     {Outcome::kUnmet, "requirement", ""},
                                     {Outcome::kInvalid, "throttled", ""},
                                     {Outcome::kInterrupted, "stopped", ""},
                                     {Outcome::kOk, "", ""}}) {
    EXPECT_FALSE(policy.allows(stays, 0)) << outcome_name(stays.outcome) << stays.code;
  }
}

TEST(RetryPolicy, IsReadFromWords) {
  const RetryPolicy policy = retry_policy_from({"CRASHED=0", "TIMEOUT=2"});
  EXPECT_FALSE(policy.allows(kSegv, 0));
  EXPECT_TRUE(policy.allows({Outcome::kTimeout, "limit", ""}, 1));
  EXPECT_FALSE(policy.allows({Outcome::kTimeout, "limit", ""}, 2));
  EXPECT_TRUE(policy.timed_groups);
  for (const char* word : {"NAN=1", "CRASHED", "CRASHED=", "CRASHED=-1", "CRASHED=11", "=1", "",
                           "CRASHED=1.5", "crashed=1", "OOM=1=1"}) {
    EXPECT_THROW(retry_policy_from({word}), UserError) << word;
  }
}

class Retries : public testing::Test {
 protected:
  RunSummary run(const Plan& plan, const RunOptions& options = {}) {
    launcher_.asked.clear();
    return run_plan(plan, catalogue_, store_, launcher_, progress_, options);
  }
  /// The first so many answers of prune's operation end so.
  void end_first(int times, const std::string& op, const OutcomeReason& outcome) {
    launcher_.on_run = [=, left = times](const WorkerRequest& request, WorkerRun& run) mutable {
      if (request.op == op && request.method == "prune" && left-- > 0) run.outcome = outcome;
    };
  }
  [[nodiscard]] std::vector<std::string> remarks() const {
    std::vector<std::string> texts;
    for (const Remark& remark : store_.remarks("test")) {
      if (remark.code == "tried_again") texts.push_back(remark.text);
    }
    return texts;
  }

  Home home_;
  Catalogue catalogue_ = small_catalogue();
  Store store_ = Store::open(home_.path() / "results.db");
  FakeLauncher launcher_;
  KeptProgress progress_;
};

TEST_F(Retries, AScoreThatDiedIsTriedAgainAndSaysSo) {
  end_first(1, "score", kSegv);
  const RunSummary summary = run(small_plan({"quality"}));
  EXPECT_EQ(summary.ok, 2);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_THAT(launcher_.asked,
              ElementsAre("score dense", "fit prune", "score prune", "score prune"));
  EXPECT_THAT(progress_.steps, AllOf(Contains(HasSubstr("CRASHED (signal:SIGSEGV)")),
                                     Contains("  tried again at once"),
                                     Contains(StartsWith("[2/2] prune sparsity=0.7 / "))));
  EXPECT_THAT(remarks(), ElementsAre(HasSubstr("ended CRASHED (signal:SIGSEGV)")));
  EXPECT_EQ(store_.newest_attempt(), 3) << "both attempts are kept";
}

TEST_F(Retries, WhatDiesAgainStandsAndIsCountedOnce) {
  end_first(100, "score", kSegv);
  const RunSummary summary = run(small_plan({"quality"}));
  EXPECT_EQ(summary.failed, 1);
  EXPECT_EQ(store_.newest_attempt(), 3);
  run(small_plan({"quality"}));
  EXPECT_THAT(launcher_.asked, IsEmpty());
}

TEST_F(Retries, WhatWouldComeOutAgainIsNotTriedAgain) {
  for (const OutcomeReason& outcome : {OutcomeReason{Outcome::kNan, "metric", ""},
                                       {Outcome::kUnmet, "requirement", ""},
                                       {Outcome::kInvalid, "fingerprint_mismatch", ""},
                                       {Outcome::kCrashed, "error", ""}}) {
    end_first(1, "score", outcome);
    run(small_plan({"quality"}), {.retry = true, .retry_now = retry_policy_from({"CRASHED=3"})});
    EXPECT_THAT(launcher_.asked, Contains("score prune").Times(1)) << outcome_name(outcome.outcome);
  }
}

TEST_F(Retries, AFitIsTriedAgainForTheCellThatMakesItAlone) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.op == "fit") run.outcome = kSegv;
  };
  const RunSummary summary = run(small_plan({"quality", "quality", "quality"}));
  EXPECT_EQ(summary.failed, 3);
  EXPECT_THAT(launcher_.asked, Contains("fit prune").Times(2));
}

TEST_F(Retries, AFitThatDiedOnceIsMade) {
  launcher_.on_run = [left = 1](const WorkerRequest& request, WorkerRun& run) mutable {
    if (request.op == "fit" && left-- > 0) run.outcome = kSegv;
  };
  EXPECT_EQ(run(small_plan({"quality", "quality"})).ok, 4);
  EXPECT_THAT(launcher_.asked, Contains("fit prune").Times(2));
  EXPECT_THAT(cached_artefact("artefact-key")->events, IsEmpty()) << "the artefact is as any other";
}

TEST_F(Retries, TimedGroupsAreTriedAgainWholeAndWhenAskedAlone) {
  end_first(1, "time", kSegv);
  EXPECT_EQ(run(small_plan({"speed"})).failed, 1);
  EXPECT_THAT(launcher_.asked, Contains("time prune").Times(1));
  end_first(1, "time", kSegv);
  const RunSummary summary =
      run(small_plan({"speed"}), {.retry = true, .retry_now = retry_policy_from({"CRASHED=1"})});
  EXPECT_EQ(summary.ok, 2);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_THAT(launcher_.asked,
              AllOf(Contains("time prune").Times(1 + 3), Contains("time dense").Times(3 + 3)));
  EXPECT_THAT(remarks(), ElementsAre(HasSubstr("SIGSEGV")));
  for (const CellRecord& cell : store_.cell_records("test")) EXPECT_EQ(cell.status, "OK");
}

TEST_F(Retries, AStopIsNotDefied) {
  std::stop_source stop;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun& run) {
    if (request.method != "dense") return;
    stop.request_stop();
    run.outcome = kSegv;
  };
  run(small_plan({"quality"}), {.stop = stop.get_token()});
  EXPECT_THAT(launcher_.asked, Contains("score dense").Times(1));
}

TEST_F(Retries, StoredOutcomesAreRunAgainByTheirStatus) {
  const Plan plan = small_plan({"quality"});
  end_first(1, "score", {Outcome::kOom, "host", "too large"});
  EXPECT_EQ(run(plan).failed, 1);
  run(plan, {.retry_outcomes = {Outcome::kCrashed, Outcome::kNan}});
  EXPECT_THAT(launcher_.asked, IsEmpty());
  EXPECT_EQ(run(plan, {.retry_outcomes = {Outcome::kOom}}).ok, 2);
  EXPECT_THAT(launcher_.asked, ElementsAre("score prune"));
}

}  // namespace
}  // namespace assay
