#include "harness/runner/runner.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/runner/runner_test_world.h"
#include "harness/runner/schedule.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace testing_world;

class RunnerTest : public testing::Test {
 protected:
  RunSummary run(const Plan& plan, const RunOptions& options = {}) {
    launcher_.asked.clear();
    launcher_.requests.clear();
    return run_plan(plan, catalogue_, store_, launcher_, progress_, options);
  }
  std::optional<ResultRow> row(const std::string& method, const std::string& metric) const {
    for (const ResultRow& one : store_.results("test")) {
      if (one.method == method && one.metric == metric) return one;
    }
    return std::nullopt;
  }
  std::string status(const std::string& method) const {
    for (const ResultRow& one : store_.results("test")) {
      if (one.method == method) return one.status;
    }
    return "";
  }

  Home home_;
  Catalogue catalogue_ = small_catalogue();
  Store store_ = Store::open(home_.path() / "results.db");
  FakeLauncher launcher_;
  KeptProgress progress_;
};

TEST_F(RunnerTest, FitsOnceScoresAndRunsNothingTheSecondTime) {
  const Plan plan = small_plan({"quality"});
  const RunSummary first = run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense", "fit prune", "score prune"));
  EXPECT_EQ(first.ok, 2);
  EXPECT_EQ(first.fitted, 1);
  EXPECT_EQ(first.exit_code(), ExitCode::kOk);
  EXPECT_DOUBLE_EQ(row("prune", "ppl")->value.value(), 20);
  EXPECT_DOUBLE_EQ(row("prune", "ppl")->ratio.value(), 2);
  EXPECT_DOUBLE_EQ(row("prune", "achieved_sparsity")->value.value(), 0.7);

  const RunSummary second = run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre());
  EXPECT_EQ(second.cached, 2);
  EXPECT_EQ(second.exit_code(), ExitCode::kOk);
}

// What a worker left behind is for the next try; nobody needs it behind a result.
TEST_F(RunnerTest, ScoresOfADeadWorkerOutliveItAndNoResult) {
  const Plan plan = small_plan({"quality"});
  const std::filesystem::path left = scores_path(plan.cells[0].key);
  bool dies = true;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun& result) {
    if (request.op != "score" || request.method != "dense") return;
    EXPECT_EQ(request.checkpoints, left);
    std::filesystem::create_directories(left);
    if (dies) result.outcome = {Outcome::kCrashed, "signal:SIGSEGV", ""};
  };
  EXPECT_EQ(run(plan).failed, 1);
  EXPECT_TRUE(exists(left));
  dies = false;
  RunOptions options;
  options.retry = true;
  EXPECT_EQ(run(plan, options).ok, 2);
  EXPECT_FALSE(exists(left));
}

// It has the machine for itself, and the model as it is deployed; other fits neither.
TEST_F(RunnerTest, AFitThatLooksAtTheClockIsAlone) {
  catalogue_.profiles[0].dtype = "bf16";
  Plan plan = small_plan({"quality"});
  FitJob times = plan.fits.at("artefact-key");
  times.key = "times-key";
  times.stage = "times";
  times.timed = true;
  plan.fits.at("artefact-key").inputs["times"] = times.key;
  plan.fits[times.key] = times;
  run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense", "fit prune", "fit prune", "score prune"));
  EXPECT_THAT(launcher_.held_alone, ElementsAre(false, true, false, false));
  EXPECT_EQ(launcher_.requests[1].stage, "times");
  EXPECT_EQ(launcher_.requests[1].dtype, "bf16");
  EXPECT_EQ(launcher_.requests[2].dtype, "fp32");
}

// Two stages and a link on top: each is made once, in order, and told what it is made from.
TEST_F(RunnerTest, FitsWhatAnArtefactRestsOnFirst) {
  Plan plan = small_plan({"quality"});
  plan.experiment.methods[1].then.resize(1);
  plan.experiment.methods[1].then[0].id = "prune";
  FitJob traces = plan.fits.at("artefact-key"), link = traces;
  traces.key = "traces-key";
  traces.stage = "traces";
  FitJob& choice = plan.fits.at("artefact-key");
  choice.stage = "choice";
  choice.inputs["traces"] = traces.key;
  link.key = "link-key";
  link.link = 1;
  link.base = choice.key;
  plan.fits[traces.key] = traces;
  plan.fits[link.key] = link;
  plan.cells[1].artefact_key = link.key;
  const RunSummary first = run(plan);
  ASSERT_EQ(launcher_.requests.size(), 5U);
  EXPECT_EQ(first.fitted, 3);
  EXPECT_EQ(launcher_.requests[1].stage, "traces");
  EXPECT_EQ(launcher_.requests[2].inputs.at("traces"), artefact_path("traces-key").string());
  ASSERT_EQ(launcher_.requests[3].applied.size(), 1U);
  EXPECT_EQ(launcher_.requests[3].applied[0].file, artefact_path("artefact-key").string());
  ASSERT_EQ(launcher_.requests[4].applied.size(), 2U);
  EXPECT_EQ(launcher_.requests[4].applied[1].file, artefact_path("link-key").string());
  EXPECT_EQ(status("prune"), "OK");
}

TEST_F(RunnerTest, AStageThatFailsEndsTheCellAndLeavesTheRestUnmade) {
  Plan plan = small_plan({"quality"});
  FitJob traces = plan.fits.at("artefact-key");
  traces.key = "traces-key";
  traces.stage = "traces";
  plan.fits.at("artefact-key").inputs["traces"] = traces.key;
  plan.fits[traces.key] = traces;
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& result) {
    if (request.stage == "traces") result.outcome = {Outcome::kOom, "memory", "too large"};
  };
  (void)run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense", "fit prune"));
  EXPECT_EQ(status("prune"), "OOM");
}

TEST_F(RunnerTest, KeepsTheFiguresOfACachedArtefact) {
  run(small_plan({"quality"}));
  Plan plan = small_plan({"quality"});
  for (Cell& cell : plan.cells) {
    cell.key_doc["changed"] = true;
    cell.key = json_hash(cell.key_doc);
  }
  run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense", "score prune"));
  EXPECT_DOUBLE_EQ(row("prune", "achieved_sparsity")->value.value(), 0.7);
}

TEST_F(RunnerTest, FitsAgainWhenTheArtefactWasDamaged) {
  run(small_plan({"quality"}));
  write_file_atomically(artefact_path("artefact-key"), "damaged!");
  Plan plan = small_plan({"quality"});
  plan.cells[1].key_doc["changed"] = true;
  plan.cells[1].key = json_hash(plan.cells[1].key_doc);
  run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("fit prune", "score prune"));
}

TEST_F(RunnerTest, AFailedFitFailsAllItsCellsOnceAndNoOthers) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.op == "fit") run.outcome = {Outcome::kOom, "host", "too large"};
  };
  const Plan plan = small_plan({"quality", "speed"});
  const RunSummary summary = run(plan);
  EXPECT_THAT(launcher_.asked,
              ElementsAre("score dense", "fit prune", "time dense", "time dense", "time dense"));
  EXPECT_EQ(summary.ok, 2);
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(summary.exit_code(), ExitCode::kNotMeasured);
  EXPECT_EQ(status("prune"), "OOM");
}

TEST_F(RunnerTest, RetriesFailedCellsOnlyWhenAsked) {
  bool broken = true;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun& run) {
    if (broken && request.op == "score" && request.method == "prune") {
      run.outcome = {Outcome::kCrashed, "signal:SIGSEGV", "killed"};
    }
  };
  const Plan plan = small_plan({"quality"});
  EXPECT_EQ(run(plan).failed, 1);
  broken = false;
  EXPECT_EQ(run(plan).failed, 1);
  EXPECT_THAT(launcher_.asked, ElementsAre());
  EXPECT_EQ(run(plan, {.retry = true, .fail_fast = false}).ok, 2);
  EXPECT_THAT(launcher_.asked, ElementsAre("score prune"));
}

TEST_F(RunnerTest, FailFastLeavesTheRest) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.method == "dense") run.outcome = {Outcome::kTimeout, "limit", "too slow"};
  };
  const RunSummary summary = run(small_plan({"quality"}), {.retry = false, .fail_fast = true});
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense"));
  EXPECT_EQ(summary.not_run, 1);
  EXPECT_EQ(summary.exit_code(), ExitCode::kNotMeasured);
}

TEST_F(RunnerTest, StoresUnmetCellsWithoutAWorker) {
  Plan plan = small_plan({"quality"});
  plan.cells[1].unmet = OutcomeReason{Outcome::kUnmet, "requirement", "needs a gate"};
  const RunSummary summary = run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense"));
  EXPECT_EQ(summary.unmet, 1);
  EXPECT_EQ(summary.exit_code(), ExitCode::kOk);
  EXPECT_EQ(status("prune"), "UNMET");
}

TEST_F(RunnerTest, BadDataStopNoOtherCellAndAreNotMeasured) {
  Plan plan = small_plan({"quality"});
  plan.cells[1].unmet = OutcomeReason{Outcome::kUnmet, kBadData, "gold is 7"};
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense"));
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured) << "the second time too";
}

TEST_F(RunnerTest, AMachineThatLacksTheDeviceIsNotMeasured) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.method == "dense") run.outcome = {Outcome::kUnmet, "machine", "no CUDA device"};
  };
  const Plan plan = small_plan({"quality"});
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured);
  EXPECT_EQ(status("dense"), "UNMET");
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured);
  launcher_.on_run = nullptr;
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kOk) << "what the machine lacked may be there now";
  EXPECT_EQ(status("dense"), "OK");
}

TEST_F(RunnerTest, TimesInterleavedAndSummarisesOverProcesses) {
  const RunSummary summary = run(small_plan({"speed"}));
  ASSERT_EQ(launcher_.asked.size(), 7U);
  EXPECT_EQ(launcher_.asked[0], "fit prune");
  // A whole block, then half of one.
  EXPECT_EQ(launcher_.asked[1], launcher_.asked[4]);
  EXPECT_EQ(launcher_.asked[2], launcher_.asked[3]);
  EXPECT_NE(launcher_.asked[1], launcher_.asked[2]);
  EXPECT_NE(launcher_.asked[5], launcher_.asked[6]);
  EXPECT_EQ(summary.ok, 2);
  std::vector<double> turns;
  for (std::size_t i = 1; i < 7; ++i) {
    if (launcher_.asked[i] == "time dense") turns.push_back(static_cast<double>(i + 1));
  }
  ASSERT_EQ(turns.size(), 3U);
  const ResultRow dense = row("dense", "latency").value();
  EXPECT_DOUBLE_EQ(dense.value.value(), 1 + turns[1] / 100);
  EXPECT_EQ(dense.n, 3);
  EXPECT_LT(dense.lo.value(), 1 + turns[0] / 100);
  EXPECT_GT(dense.hi.value(), 1 + turns[2] / 100);
  EXPECT_TRUE(row("prune", "latency")->ratio.has_value());
}

TEST_F(RunnerTest, KeepsSeedBlockAndStartOfEveryTimedProcess) {
  run(small_plan({"speed"}), {.schedule_name = "one"});
  SQLite::Database file((home_.path() / "results.db").string());
  SQLite::Statement rows(file,
                         "SELECT DISTINCT schedule_seed, \"order\", block, method, started_utc "
                         "FROM raw_samples ORDER BY \"order\"");
  std::vector<std::string> methods;
  std::vector<int> blocks;
  std::int64_t seed = 0;
  while (rows.executeStep()) {
    seed = rows.getColumn(0).getInt64();
    blocks.push_back(rows.getColumn(2).getInt());
    methods.push_back(rows.getColumn(3).getString());
    EXPECT_EQ(rows.getColumn(4).getString().size(), 24U);
  }
  EXPECT_THAT(blocks, ElementsAre(0, 0, 0, 0, 1, 1));
  const auto turns = interleaved_order(2, 3, static_cast<std::uint64_t>(seed));
  ASSERT_EQ(methods.size(), turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    EXPECT_EQ(methods[i], turns[i].arm == 0 ? "dense" : "prune") << i;
  }
}

TEST_F(RunnerTest, PassesTheScoredFingerprintAndRefusesAnother) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.op == "time" && request.method == "prune") run.reply.fingerprint->values[2] = 9;
  };
  run(small_plan({"quality", "speed"}));
  for (const WorkerRequest& request : launcher_.requests) {
    EXPECT_EQ(request.expected.has_value(), request.op == "time");
  }
  EXPECT_EQ(store_.final_outcome(small_plan({"quality", "speed"}).cells[3].key)->code,
            "fingerprint_mismatch");
}

TEST_F(RunnerTest, WithoutScoresTheFirstTimedProcessIsTheReference) {
  run(small_plan({"speed"}));
  int without = 0;
  for (const WorkerRequest& request : launcher_.requests) {
    if (request.op == "time" && !request.expected) ++without;
  }
  EXPECT_EQ(without, 2);  // one an arm
}

TEST_F(RunnerTest, TimesAGroupAgainAsAWholeWhenACellIsNew) {
  Plan plan = small_plan({"speed"});
  Plan smaller = plan;
  smaller.cells.pop_back();
  run(smaller);
  EXPECT_THAT(launcher_.asked, ElementsAre("time dense", "time dense", "time dense"));
  run(plan);
  EXPECT_EQ(launcher_.asked.size(), 7U);
  EXPECT_TRUE(row("prune", "latency")->ratio.has_value());
}

TEST_F(RunnerTest, AnInterruptStopsAndTheNextRunGoesOn) {
  bool interrupt = true;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun& run) {
    if (interrupt && request.op == "fit") run.outcome = {Outcome::kInterrupted, "sigint", ""};
  };
  const Plan plan = small_plan({"quality", "speed"});
  const RunSummary first = run(plan);
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense", "fit prune"));
  EXPECT_EQ(first.exit_code(), ExitCode::kInterrupted);
  EXPECT_EQ(status("prune"), "INTERRUPTED");
  interrupt = false;
  const RunSummary second = run(plan);
  EXPECT_EQ(second.ok, 4);
  EXPECT_EQ(launcher_.asked.front(), "fit prune");
}

TEST_F(RunnerTest, FaultsOfTheMachineAreTriedAgainAndCrashesStand) {
  OutcomeReason ends;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun& run) {
    if (request.method == "dense") run.outcome = ends;
  };
  const Plan plan = small_plan({"quality"});
  for (const OutcomeReason& fault :
       {OutcomeReason{Outcome::kCrashed, "file", "model gone"},
        OutcomeReason{Outcome::kCrashed, "machine", "disk full"},
        OutcomeReason{Outcome::kCrashed, "signal:SIGBUS", "a mapped file was cut"},
        OutcomeReason{Outcome::kUnmet, "bad_input", "as once stored for a file that was gone"}}) {
    ends = fault;
    run(plan);
    run(plan);
    EXPECT_THAT(launcher_.asked, testing::Contains("score dense")) << fault.code;
  }
  ends = {Outcome::kCrashed, "signal:SIGSEGV", "killed"};
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured);
  EXPECT_EQ(run(plan).exit_code(), ExitCode::kNotMeasured);
  EXPECT_THAT(launcher_.asked, ElementsAre());
}

TEST_F(RunnerTest, ARetryTakesWhatAnotherRunRetriedMeanwhile) {
  const Plan plan = small_plan({"quality"});
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.op == "score") run.outcome = {Outcome::kCrashed, "signal:SIGSEGV", "killed"};
  };
  run(plan);
  Store others = Store::open(home_.path() / "results.db");
  FakeLauncher other_launcher;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun&) {
    // While the first cell runs here, the other run does the second and waits for nothing.
    if (request.method == "dense" && other_launcher.asked.empty()) {
      Plan second = plan;
      second.cells.erase(second.cells.begin());
      run_plan(second, catalogue_, others, other_launcher, progress_, {.retry = true});
    }
  };
  EXPECT_EQ(run(plan, {.retry = true}).ok, 2);
  EXPECT_THAT(other_launcher.asked, ElementsAre("score prune"));
  EXPECT_THAT(launcher_.asked, ElementsAre("score dense"));
}

TEST_F(RunnerTest, ReportsFailuresAtOnceWithCodeAndText) {
  launcher_.on_run = [](const WorkerRequest&, WorkerRun& run) {
    run.outcome = {Outcome::kCrashed, "signal:SIGSEGV", "killed by SIGSEGV"};
    run.process.stderr_tail = "first\nlast words\n";
  };
  run(small_plan({"quality"}));
  EXPECT_THAT(progress_.steps, testing::Contains(HasSubstr("last words")));
  EXPECT_THAT(progress_.steps,
              testing::Contains(HasSubstr("CRASHED (signal:SIGSEGV): killed by SIGSEGV")));
  EXPECT_THAT(progress_.steps, testing::Contains(HasSubstr("[2/2] prune sparsity=0.7 / ")));
}

TEST_F(RunnerTest, ANumberThatIsNoneMakesTheCellNan) {
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.method != "dense") return;
    run.reply.metrics.clear();
    run.reply.events = {{"error", "non_finite", "metric ppl is NaN"}};
  };
  run(small_plan({"quality"}));
  EXPECT_EQ(status("dense"), "NAN");
}

}  // namespace
}  // namespace assay
