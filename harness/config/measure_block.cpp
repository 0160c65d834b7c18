#include "harness/config/measure_block.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/numbers.h"
#include "harness/config/experiment_blocks.h"

namespace assay {
namespace {

constexpr std::int64_t kMostProcesses = 1000;
/// Two blocks of two processes an arm: what one look at the interval needs.
constexpr std::int64_t kFewestWhenAdapting = 4;

/// "5 %" as 0.05.
std::optional<double> share_from(const std::string& text) {
  const auto amount = amount_from(text);
  if (!amount || amount->unit != "%") return std::nullopt;
  const double share = amount->number / 100;
  return share > 0 && share <= 1 ? std::optional(share) : std::nullopt;
}

void read_target(TableReader& measure, Sampling& sampling) {
  const auto text = measure.text("target_interval");
  if (!text) return;
  const auto share = share_from(*text);
  if (!share) {
    measure.refuse("target_interval", *measure.node().get("target_interval"),
                   "a share above 0 % and up to 100 %, such as \"5 %\"");
  }
  sampling.target_interval = share.value_or(0);
}

/// Processes come in blocks of two an arm.
std::int64_t whole_blocks(std::int64_t processes) { return processes + processes % 2; }

void check_most(TableReader& measure, const Experiment& experiment) {
  const std::int64_t most = experiment.sampling.max_processes_per_arm;
  if (most % 2 == 0 && most >= experiment.processes_per_arm) return;
  measure.problem(
      measure.place("max_processes_per_arm"),
      fmt::format("max_processes_per_arm = {} is not allowed; give an even number (processes come "
                  "in blocks of two an arm) of at least processes_per_arm (here {})",
                  most, experiment.processes_per_arm));
}

void read_sampling(TableReader& measure, Experiment& experiment) {
  Sampling& sampling = experiment.sampling;
  read_target(measure, sampling);
  sampling.budget_s = measure.positive_number("budget_s", kMostSeconds).value_or(sampling.budget_s);
  sampling.max_processes_per_arm =
      measure.integer("max_processes_per_arm", kFewestWhenAdapting, kMostProcesses)
          .value_or(
              std::max(sampling.max_processes_per_arm, whole_blocks(experiment.processes_per_arm)));
  if (sampling.adapts()) {
    experiment.processes_per_arm =
        std::max(kFewestWhenAdapting, whole_blocks(experiment.processes_per_arm));
    return check_most(measure, experiment);
  }
  for (const char* key : {"budget_s", "max_processes_per_arm"}) {
    if (measure.node().contains(key) && !measure.node().contains("target_interval")) {
      measure.problem(measure.place(key),
                      fmt::format("{} limits how long target_interval is pursued, and there is "
                                  "none; add target_interval = \"5 %\", or remove the key",
                                  key));
    }
  }
}

}  // namespace

Json Sampling::to_json() const {
  return {{"target_interval", target_interval},
          {"budget_s", budget_s},
          {"max_processes_per_arm", max_processes_per_arm}};
}

void read_measure(TableReader& root, Experiment& experiment) {
  auto measure = root.table("measure", "[measure]");
  if (!measure) return;
  experiment.processes_per_arm = measure->integer("processes_per_arm", 1, kMostProcesses)
                                     .value_or(experiment.processes_per_arm);
  experiment.timeout_s =
      measure->positive_number("timeout_s", kMostSeconds).value_or(experiment.timeout_s);
  experiment.checkpoint_s =
      measure->positive_number("checkpoint_s", kMostSeconds).value_or(experiment.checkpoint_s);
  read_sampling(*measure, experiment);
  measure->finish(key_homes());
}

}  // namespace assay
