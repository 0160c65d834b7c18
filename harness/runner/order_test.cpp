// The order in which an experiment lists its methods decides nothing: neither a verdict nor who
// runs first. On a simulated machine that drifts, as shared ones do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "harness/judge/times.h"
#include "harness/runner/runner_test_world.h"
#include "harness/store/records.h"

namespace assay {
namespace {

using namespace testing_world;

/// A slow walk with white noise on it, as measured on a shared machine: log process medians are
/// AR(1) (15 %, correlation 0.95 from process to process) plus 3 %.
class DriftingMachine {
 public:
  explicit DriftingMachine(std::uint64_t seed) : random_(seed) {}
  double factor() {
    constexpr double kCorrelation = 0.95;
    constexpr double kDrift = 0.155;
    constexpr double kNoise = 0.03;
    drift_ = kCorrelation * drift_ +
             kDrift * std::sqrt(1 - kCorrelation * kCorrelation) * normal_(random_);
    return std::exp(drift_ + kNoise * normal_(random_));
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_{0, 1};
  double drift_ = 0;
};

constexpr std::uint64_t kMachines = 15;

Plan timing_plan(bool turned) {
  Plan plan = small_plan({"speed"});
  plan.experiment.processes_per_arm = 12;
  if (turned) std::swap(plan.cells[0].ordinal, plan.cells[1].ordinal);
  if (turned) std::swap(plan.cells[0], plan.cells[1]);
  return plan;
}

std::vector<double> medians(const std::vector<CellRecord>& cells, const std::string& method) {
  std::vector<double> values;
  for (const CellRecord& cell : cells) {
    for (const MetricRecord& metric : cell.metrics) {
      if (cell.method != method || metric.def.tag != "latency") continue;
      for (const ProcessSamples& process : metric.processes) {
        values.push_back(median(process.values));
      }
    }
  }
  return values;
}

/// What two arms look like whose true times are 1 and `slower`, on machine number `seed`.
Verdict verdict(bool turned, double slower, std::uint64_t seed) {
  const Home home;
  Store store = Store::open(home.path() / "results.db");
  const Catalogue catalogue = small_catalogue();
  DriftingMachine machine(seed);
  FakeLauncher launcher;
  launcher.on_run = [&](const WorkerRequest& request, WorkerRun& run) {
    if (request.op != "time") return;
    const double seconds = (request.method == "dense" ? 1 : slower) * machine.factor();
    run.reply.samples = {{"latency", 0, seconds, false}};
  };
  KeptProgress progress;
  run_plan(timing_plan(turned), catalogue, store, launcher, progress,
           {.schedule_name = "machine " + std::to_string(seed)});
  const auto cells = store.cell_records("test");
  Judgement judgement;
  Rules rules;
  rules.noise_floor = 0.035;
  judge_times(judgement, medians(cells, "dense"), medians(cells, "prune"), true, -1, rules);
  return judgement.verdict;
}

class PlanOrder : public testing::TestWithParam<bool> {};

TEST_P(PlanOrder, NeverMakesEqualArmsBetterOrWorse) {
  for (std::uint64_t machine = 0; machine < kMachines; ++machine) {
    EXPECT_THAT(verdict(GetParam(), 1.0, machine),
                testing::AnyOf(Verdict::kSame, Verdict::kNotWorse, Verdict::kAmbiguous))
        << machine;
  }
}

TEST_P(PlanOrder, NeverHidesAnArmThatIsAQuarterSlower) {
  for (std::uint64_t machine = 0; machine < kMachines; ++machine) {
    EXPECT_EQ(verdict(GetParam(), 1.25, machine), Verdict::kWorse) << machine;
  }
}

INSTANTIATE_TEST_SUITE_P(AsListedAndTurned, PlanOrder, testing::Bool());

}  // namespace
}  // namespace assay
