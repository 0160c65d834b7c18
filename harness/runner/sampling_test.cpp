// Timing that adapts, and processes during which something stood still.

#include "harness/runner/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/runner/runner_test_world.h"
#include "harness/runner/unpaused.h"
#include "harness/store/records.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing_world::FakeLauncher;
using testing_world::Home;
using testing_world::KeptProgress;
using testing_world::small_catalogue;
using testing_world::small_plan;

WorkerReply process(double latency, double rate) {
  WorkerReply reply;
  reply.samples = {{"latency", 0, 1000, true}, {"latency", 1, latency, false}};
  MetricValue metric;
  metric.tag = "rate";
  metric.value = rate;
  reply.metrics = {metric};
  return reply;
}

SuiteKindEntry kind() {
  SuiteKindEntry kind;
  kind.metrics = {{"latency", "s", -1, "c", ""},
                  {"rate", "tokens/s", 1, "c", ""},
                  {"tail", "s", 0, "c", ""},
                  {"memory", "B", -1, "c", ""}};
  return kind;
}

TEST(WidestInterval, IsThatOfTimesAndRatesOnly) {
  const std::vector<WorkerReply> processes = {process(2, 100), process(2, 120), process(2, 144)};
  const WidestInterval widest = widest_interval(kind(), processes);
  EXPECT_EQ(widest.tag, "rate");
  // Student's 97.5 % quantile of two degrees of freedom; logs are ln 1.2 apart.
  EXPECT_NEAR(widest.half_width.value(), std::expm1(4.302653 * std::log(1.2) / std::sqrt(3)), 1e-5);
  EXPECT_FALSE(widest.within(0.05));
  const std::vector<WorkerReply> alike(3, process(2, 1));
  EXPECT_TRUE(widest_interval(kind(), alike).within(0.05));
  EXPECT_FALSE(widest_interval(kind(), {process(2, 1)}).within(0.05)) << "one has no interval";
  EXPECT_FALSE(widest_interval(kind(), {process(2, 1), process(2, 1), process(0, 1)}).within(0.05));
}

TEST(WidestInterval, SaysWhatWouldHelp) {
  Sampling sampling;
  sampling.target_interval = 0.05;
  sampling.budget_s = 60;
  const std::string text = wide_interval_text({"latency", 0.21}, 10, 59, sampling);
  // (ln 1.21 / ln 1.05)^2 = 15.26 times as many.
  EXPECT_THAT(text,
              AllOf(HasSubstr("latency is 21 % after 10 processes"), HasSubstr("budget_s = 60"),
                    HasSubstr("asked for is 5 %"), HasSubstr("some 154 processes an arm")));
  EXPECT_THAT(wide_interval_text({"latency", {}}, 10, 59, sampling), HasSubstr("has no 95 %"));
}

class Adapting : public testing::Test {
 protected:
  /// Times of both arms lie `spread` about their level, by turns.
  RunSummary run(double spread, std::int64_t most, double budget = 1e9) {
    Plan plan = small_plan({"speed"});
    plan.experiment.processes_per_arm = 4;
    plan.experiment.sampling = {0.05, budget, most};
    launcher_.on_run = [&, spread](const WorkerRequest& request, WorkerRun& run) {
      if (request.op != "time") return;
      const int turn = turns_[request.method]++;
      const double factor = request.method == "dense" ? 1 : 1 + (turn % 2 == 0 ? spread : 0);
      run.reply.samples = {{"latency", 0, 0.02 * factor, false}};
    };
    return run_plan(plan, small_catalogue(), store_, launcher_, progress_, {});
  }
  std::vector<Remark> remarks() { return store_.remarks("test"); }
  std::string cell_of_prune() {
    for (const ResultRow& row : store_.results("test")) {
      if (row.method == "prune") return row.cell_key;
    }
    return "none";
  }

  Home home_;
  Store store_ = Store::open(home_.path() / "results.db");
  FakeLauncher launcher_;
  KeptProgress progress_;
  std::map<std::string, int> turns_;
};

TEST_F(Adapting, StopsSoonWhereProcessesAgree) {
  EXPECT_EQ(run(0.0, 40).ok, 2);
  EXPECT_EQ(turns_["dense"], 6) << "two looks";
  EXPECT_EQ(turns_["prune"], 6);
  EXPECT_TRUE(remarks().empty());
}

TEST_F(Adapting, GoesOnForAllArmsUntilTheLastIsNarrow) {
  EXPECT_EQ(run(0.1, 40).ok, 2);
  // Logs are +-a about their mean, a = ln(1.1) / 2: s = a sqrt(n / (n - 1)), half width
  // t s / sqrt(n). By hand: 8 processes 4.3 %, 6 processes 5.6 %; 8 and 10 are two in succession.
  EXPECT_EQ(turns_["prune"], 10);
  EXPECT_EQ(turns_["dense"], 10) << "the other arm goes along";
  EXPECT_TRUE(remarks().empty());
}

TEST_F(Adapting, TheBudgetEndsItWithARemarkAndTheResultStays) {
  EXPECT_EQ(run(0.5, 8).ok, 2);
  EXPECT_EQ(turns_["prune"], 8);
  ASSERT_EQ(remarks().size(), 1U) << "dense is as narrow as asked";
  EXPECT_EQ(remarks()[0].cell_key, cell_of_prune());
  EXPECT_EQ(remarks()[0].code, "times_wide_interval");
  EXPECT_EQ(remarks()[0].processes, 8);
  EXPECT_THAT(remarks()[0].text, HasSubstr("after 8 processes an arm"));
}

TEST_F(Adapting, NoTimeLeftAfterTheFewest) {
  EXPECT_EQ(run(0.5, 40, 1e-9).ok, 2);
  EXPECT_EQ(turns_["prune"], 4);
  EXPECT_EQ(remarks().size(), 1U);
}

TEST_F(Adapting, BlocksStayWhole) {
  run(0.1, 40);
  std::vector<std::string> timed;
  for (const std::string& asked : launcher_.asked) {
    if (asked.starts_with("time")) timed.push_back(asked);
  }
  ASSERT_EQ(timed.size() % 4, 0U);
  for (std::size_t i = 0; i < timed.size(); i += 4) {
    EXPECT_EQ(timed[i], timed[i + 3]);
    EXPECT_EQ(timed[i + 1], timed[i + 2]);
    EXPECT_NE(timed[i], timed[i + 1]);
  }
}

class Pausing : public Adapting {
 protected:
  /// The first `pauses` timed processes of dense see a pause.
  RunSummary run_with(int pauses) {
    launcher_.on_run = [this, pauses](const WorkerRequest& request, WorkerRun& run) {
      if (request.op != "time" || request.method != "dense") return;
      if (paused_++ < pauses) {
        run.paused_seconds = 12;
        run.reply.samples = {{"latency", 0, 99, false}};
      }
    };
    return run_plan(small_plan({"speed"}), small_catalogue(), store_, launcher_, progress_, {});
  }
  int paused_ = 0;
};

TEST_F(Pausing, ATimedProcessThatSawAPauseIsTimedAgain) {
  EXPECT_EQ(run_with(2).ok, 2);
  EXPECT_EQ(paused_, 3 + 2);
  for (const CellRecord& cell : store_.cell_records("test")) {
    for (const MetricRecord& metric : cell.metrics) {
      for (const ProcessSamples& process : metric.processes) {
        for (const double value : process.values) EXPECT_LT(value, 99);
      }
    }
  }
  EXPECT_TRUE(remarks().empty());
}

TEST_F(Pausing, ThreeInSuccessionAreInvalidUntilTheNextRun) {
  EXPECT_EQ(run_with(3).failed, 1);
  const auto cells = store_.cell_records("test");
  EXPECT_EQ(cells[0].status, "INVALID");
  EXPECT_THAT(cells[0].reason, HasSubstr("stood still for 12"));
  EXPECT_EQ(cells[1].status, "OK");
  EXPECT_EQ(run_with(3).ok, 2) << "what the machine did is tried again";
}

}  // namespace
}  // namespace assay
