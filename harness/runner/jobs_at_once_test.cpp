// Several jobs of a run at the same time, with a worker that only pretends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;
using namespace testing_world;

constexpr std::chrono::seconds kPatience{60};

/// Says how many workers are at work whenever one begins, and holds them until so many are.
class CrowdLauncher final : public FakeLauncher {
 public:
  /// Fits and scores wait until so many were at work at the same time.
  std::size_t meet = 1;
  /// They wait for this too, which is asked under a lock.
  std::function<bool(const WorkerRequest&)> may_end = [](const WorkerRequest&) { return true; };
  /// A fit of this artefact stays for a moment, in which nobody else may begin.
  std::string lingering = "none";
  std::map<std::string, std::vector<std::size_t>> at_work_when;  ///< by operation
  bool cancelled = false;

  WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress) override {
    std::unique_lock lock(mutex_);
    ++at_work_;
    ++begun_;
    most_ = std::max(most_, at_work_);
    at_work_when[request.op].push_back(at_work_);
    changed_.notify_all();
    if (request.op != "time") {
      EXPECT_TRUE(changed_.wait_for(
          lock, kPatience, [&] { return cancelled || (most_ >= meet && may_end(request)); }));
    }
    if (request.artefact.find(lingering) != std::string::npos) linger(lock);
    const Leaving leaving{at_work_};
    WorkerRun run = FakeLauncher::run(request, limits, progress);
    if (cancelled) run.outcome = {Outcome::kInterrupted, "stopped", "stopped on request"};
    return run;
  }
  std::unique_ptr<MachineHold> hold(const MachineUse& use,
                                    const std::function<void(const std::string&)>& say) override {
    const std::lock_guard lock(mutex_);
    return FakeLauncher::hold(use, say);
  }
  void cancel() override {
    change([this] { cancelled = true; });
  }
  /// What they wait for has changed so.
  void change(const std::function<void()>& how) {
    const std::lock_guard lock(mutex_);
    how();
    changed_.notify_all();
  }
  [[nodiscard]] std::size_t most() const { return most_; }

 private:
  struct Leaving {
    std::size_t& at_work;
    ~Leaving() { --at_work; }
  };
  void linger(std::unique_lock<std::mutex>& lock) {
    EXPECT_EQ(at_work_, 1U);
    const std::size_t before = begun_;
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    lock.lock();
    EXPECT_EQ(begun_, before);
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t at_work_ = 0, most_ = 0, begun_ = 0;
};

/// Tells of each step, before anybody else goes on.
class ToldProgress final : public KeptProgress {
 public:
  std::function<void(const std::string&)> on_step = [](const std::string&) {};
  void step(const std::string& text) override {
    KeptProgress::step(text);
    on_step(text);
  }
};

/// Dense, and `prune` with so many sparsities, each with an artefact of its own.
Plan wide_plan(std::size_t sparsities, const std::vector<std::string>& kinds) {
  Plan plan = small_plan(kinds);
  const FitJob fit = plan.fits.at("artefact-key");
  const MethodChoice prune = plan.experiment.methods[1];
  plan.fits.clear();
  plan.cells.clear();
  plan.experiment.methods.resize(1);
  for (std::size_t i = 1; i <= sparsities; ++i) {
    plan.experiment.methods.push_back(prune);
    plan.experiment.methods.back().params = {{"sparsity", static_cast<double>(i) / 100}};
    FitJob one = fit;
    one.key = "artefact-" + std::to_string(i);
    one.method = i;
    plan.fits[one.key] = one;
  }
  for (std::size_t s = 0; s < kinds.size(); ++s) {
    std::string dense_key;
    for (std::size_t m = 0; m <= sparsities; ++m) {
      Cell cell;
      cell.ordinal = static_cast<std::int64_t>(plan.cells.size());
      cell.key_doc = {{"method", m}, {"suite", s}};
      cell.key = json_hash(cell.key_doc);
      if (m == 0) dense_key = cell.key;
      cell.twin_key = dense_key;
      cell.method = m;
      cell.suite = s;
      cell.profile = "cpu";
      if (m > 0) cell.artefact_key = "artefact-" + std::to_string(m);
      plan.cells.push_back(cell);
    }
  }
  return plan;
}

using Row = std::tuple<std::string, std::string, std::string, std::string, std::optional<double>>;

std::vector<Row> rows_of(const Store& store) {
  std::vector<Row> rows;
  for (const ResultRow& row : store.results("test")) {
    // Times of the pretending worker depend on when it was asked.
    const auto value = row.timed ? std::nullopt : row.value;
    rows.emplace_back(row.cell_key, row.metric, row.status, row.reason, value);
  }
  // Those of a cell are in the order in which the file first saw the metrics.
  std::sort(rows.begin(), rows.end());
  return rows;
}

class JobsAtOnce : public testing::Test {
 protected:
  RunSummary run(const Plan& plan, std::size_t jobs) { return run(plan, {.jobs = jobs}); }
  RunSummary run(const Plan& plan, const RunOptions& options) {
    return run_plan(plan, catalogue_, store_, launcher_, progress_, options);
  }

  Home home_;
  Catalogue catalogue_ = small_catalogue();
  Store store_ = Store::open(home_.path() / "results.db");
  CrowdLauncher launcher_;
  ToldProgress progress_;
};

TEST_F(JobsAtOnce, AreAsManyAsWereAskedForAndTimesAreAlone) {
  launcher_.meet = 3;
  const RunSummary summary = run(wide_plan(6, {"quality", "speed"}), 3);
  EXPECT_EQ(summary.ok, 14);
  EXPECT_EQ(summary.fitted, 6);
  EXPECT_EQ(launcher_.most(), 3U);
  EXPECT_THAT(launcher_.at_work_when["time"], testing::AllOf(SizeIs(21), Each(1U)));
  EXPECT_THAT(launcher_.at_work_when["score"], SizeIs(7));
}

TEST_F(JobsAtOnce, OneIsTheDefault) {
  run(wide_plan(4, {"quality"}), RunOptions{});
  EXPECT_EQ(launcher_.most(), 1U);
}

TEST_F(JobsAtOnce, GiveTheSameResults) {
  const Plan plan = wide_plan(5, {"quality", "quality", "speed"});
  Store one = Store::open(home_.path() / "one.db");
  FakeLauncher launcher;
  run_plan(plan, catalogue_, one, launcher, progress_, {});
  std::filesystem::remove_all(home_.path() / "artefacts");
  launcher_.meet = 3;
  run(plan, 3);
  EXPECT_EQ(rows_of(store_), rows_of(one));
}

TEST_F(JobsAtOnce, CellsOfAnArtefactStayTogether) {
  std::map<std::string, std::thread::id> scored_by;
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun&) {
    if (request.op != "score" || request.applied.empty()) return;
    const std::string file = request.applied.front().file;
    const auto [known, is_new] = scored_by.emplace(file, std::this_thread::get_id());
    EXPECT_EQ(known->second, std::this_thread::get_id()) << file;
  };
  launcher_.meet = 2;
  run(wide_plan(3, {"quality", "quality", "quality"}), 2);
  EXPECT_EQ(scored_by.size(), 3U);
}

/// Chains on one base: the base is made once, and nobody sits at a place to wait for it.
TEST_F(JobsAtOnce, WhatSeveralNeedIsFittedOnce) {
  Plan plan = wide_plan(3, {"quality"});
  FitJob base = plan.fits.at("artefact-1");
  base.key = "base";
  plan.fits["base"] = base;
  for (int i = 1; i <= 3; ++i) plan.fits.at("artefact-" + std::to_string(i)).base = "base";
  const RunSummary summary = run(plan, 3);
  EXPECT_EQ(summary.ok, 4);
  EXPECT_EQ(summary.fitted, 4);
  EXPECT_THAT(launcher_.at_work_when["fit"], SizeIs(4));
}

TEST_F(JobsAtOnce, AFitThatLooksAtTheClockIsAlone) {
  Plan plan = wide_plan(5, {"quality"});
  plan.fits.at("artefact-2").timed = true;
  launcher_.lingering = "artefact-2";
  EXPECT_EQ(run(plan, 3).ok, 6);
  EXPECT_THAT(launcher_.held_alone, testing::Contains(true).Times(1));
}

TEST_F(JobsAtOnce, AFitBesideOthersSaysThatItsTimeIsNone) {
  launcher_.meet = 2;
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.op != "fit") return;
    run.reply.metrics.emplace_back().tag = "fit/seconds";
    run.reply.metrics.back().value = 3;
  };
  run(wide_plan(2, {"quality"}), 2);
  EXPECT_THAT(store_.remarks("test"),
              testing::Contains(testing::Field(&Remark::code, "fit_shared")));
  // Who is told of the artefact later is told of that too, and of nothing else.
  EXPECT_THAT(cached_artefact("artefact-1")->events, SizeIs(Le(1U)));
}

TEST_F(JobsAtOnce, FailFastFinishesWhatHasBegunAndBeginsNothingMore) {
  launcher_.meet = 3;
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun& run) {
    if (request.method == "dense") run.outcome = {Outcome::kNan, "metric", "none"};
  };
  bool failed = false;
  launcher_.may_end = [&](const WorkerRequest& request) {
    return failed || request.method == "dense";
  };
  progress_.on_step = [&](const std::string& text) {
    if (text.find("NAN") != std::string::npos) launcher_.change([&] { failed = true; });
  };
  const RunSummary summary = run(wide_plan(9, {"quality"}), {.fail_fast = true, .jobs = 3});
  EXPECT_EQ(summary.failed, 1);
  EXPECT_EQ(summary.ok, 2) << "those that were at work";
  EXPECT_EQ(summary.not_run, 7);
  EXPECT_EQ(summary.exit_code(), ExitCode::kNotMeasured);
}

/// The others wait for what never comes.
TEST_F(JobsAtOnce, AnErrorOfOneEndsTheWorkersOfTheOthers) {
  launcher_.meet = 3;
  launcher_.may_end = [](const WorkerRequest& request) { return request.method == "dense"; };
  launcher_.on_run = [](const WorkerRequest& request, WorkerRun&) {
    if (request.method == "dense") throw MachineError("no such program");
  };
  EXPECT_THROW(run(wide_plan(6, {"quality", "quality"}), 3), MachineError);
  EXPECT_TRUE(launcher_.cancelled);
}

TEST_F(JobsAtOnce, ADatabaseThatIsLostEndsTheWorkersOfTheOthers) {
  launcher_.meet = 3;
  launcher_.may_end = [](const WorkerRequest& request) { return request.method == "dense"; };
  launcher_.on_run = [&](const WorkerRequest& request, WorkerRun&) {
    if (request.method == "dense") std::filesystem::remove(home_.path() / "results.db");
  };
  EXPECT_THROW(run(wide_plan(6, {"quality"}), 3), MachineError);
  EXPECT_TRUE(launcher_.cancelled);
}

TEST_F(JobsAtOnce, AStopInterruptsAllThatRunAndTheNextRunGoesOn) {
  const Plan plan = wide_plan(6, {"quality", "quality"});
  launcher_.meet = 3;
  launcher_.may_end = [this](const WorkerRequest&) { return launcher_.most() < 3; };
  std::thread stopping([this] {
    while (true) {
      bool full = false;
      launcher_.change([&] { full = launcher_.most() == 3; });
      if (full) return launcher_.cancel();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const RunSummary stopped = run(plan, 3);
  stopping.join();
  EXPECT_EQ(stopped.exit_code(), ExitCode::kInterrupted);
  EXPECT_EQ(stopped.ok, 0);
  EXPECT_EQ(store_.newest_attempt(), 3);
  launcher_.change([this] { launcher_.cancelled = false; });
  launcher_.may_end = [](const WorkerRequest&) { return true; };
  const RunSummary resumed = run(plan, 3);
  EXPECT_EQ(resumed.ok, 14);
  EXPECT_EQ(resumed.fitted, 6);
}

TEST_F(JobsAtOnce, TheLiveLineShowsAllOfThem) {
  launcher_.meet = 2;
  run(wide_plan(2, {"quality"}), 2);
  EXPECT_THAT(progress_.lives,
              testing::Contains(testing::Pair(
                  "[0/3] scoring quality-suite: dense | fitting prune sparsity=0.01", testing::_)));
  EXPECT_THAT(progress_.steps, testing::Contains(HasSubstr("[3/3] ")));
}

}  // namespace
}  // namespace assay
