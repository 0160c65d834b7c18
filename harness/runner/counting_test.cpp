// Counting instructions beside timing, with a worker that pretends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/protocol/common_metrics.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using namespace testing_world;
using testing::HasSubstr;

/// Says how many instructions the counted calls had, and remembers how it was asked.
class CountingLauncher final : public FakeLauncher {
 public:
  std::int64_t instructions = 1600;
  std::vector<WorkerRequest> counted;
  int timed = 0;
  bool stop_counting = false;

  WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress) override {
    WorkerRun run = FakeLauncher::run(request, limits, progress);
    if (!limits.count_instructions) {
      timed += request.op == "time" ? 1 : 0;
      return run;
    }
    counted.push_back(request);
    run.reply.environment = {{"torch", {{"cpu_capability", "AVX2"}}}};
    if (stop_counting) run.outcome = {Outcome::kInterrupted, "sigint", "stopped"};
    if (instructions > 0) run.instructions = instructions;
    return run;
  }
};

class Counting : public testing::Test {
 protected:
  Counting() {
    SuiteKindEntry kernel = catalogue_.suite_kinds.back();
    kernel.name = kCountedKind;
    catalogue_.suite_kinds.push_back(kernel);
    catalogue_.profiles.front().threads = 2;
  }
  RunSummary run(bool count) {
    return run_plan(small_plan({"kernel"}), catalogue_, store_, launcher_, progress_,
                    {.count_instructions = count});
  }
  [[nodiscard]] std::optional<ResultRow> instructions(const std::string& method) const {
    for (const ResultRow& row : store_.results("test")) {
      if (row.method == method && row.metric == kInstructionsTag) return row;
    }
    return std::nullopt;
  }

  Home home_;
  Catalogue catalogue_ = small_catalogue();
  Store store_ = Store::open(home_.path() / "results.db");
  CountingLauncher launcher_;
  KeptProgress progress_;
};

TEST_F(Counting, OncePerTimedCellWithOneThreadAndTheShortestRun) {
  EXPECT_EQ(run(true).exit_code(), ExitCode::kOk);
  EXPECT_EQ(launcher_.timed, 6) << "times are taken without callgrind";
  ASSERT_EQ(launcher_.counted.size(), 2U);
  EXPECT_EQ(launcher_.counted[0].threads, 1);
  EXPECT_EQ(launcher_.counted[0].suite_params.at("seconds"), 0);
  const ResultRow row = instructions("prune").value();
  EXPECT_DOUBLE_EQ(row.value.value(), 1600.0 / kCountedCalls);
  EXPECT_THAT(row.convention, HasSubstr("AVX2"));
  EXPECT_DOUBLE_EQ(row.ratio.value(), 1);
}

TEST_F(Counting, ACellThatWasTimedWithoutIsTimedAgain) {
  run(false);
  EXPECT_FALSE(instructions("dense").has_value());
  EXPECT_EQ(run(true).cached, 0);
  EXPECT_TRUE(instructions("dense").has_value());
  EXPECT_EQ(run(true).cached, 2);
  EXPECT_EQ(run(false).cached, 2);
}

TEST_F(Counting, AStopWhileCountingInterruptsTheCell) {
  launcher_.stop_counting = true;
  EXPECT_EQ(run(true).exit_code(), ExitCode::kInterrupted);
  EXPECT_FALSE(instructions("dense").has_value());
  launcher_.stop_counting = false;
  EXPECT_EQ(run(true).exit_code(), ExitCode::kOk);
  EXPECT_TRUE(instructions("dense").has_value());
  EXPECT_TRUE(instructions("prune").has_value());
}

TEST_F(Counting, NothingSeenIsNoZero) {
  launcher_.instructions = 0;
  EXPECT_EQ(run(true).exit_code(), ExitCode::kOk) << "the times are there";
  const ResultRow row = instructions("dense").value();
  EXPECT_FALSE(row.value.has_value());
  EXPECT_THAT(row.reason, HasSubstr("none of the counted calls"));
}

}  // namespace
}  // namespace assay
