#include "harness/runner/sampling.h"

#include <fmt/format.h>

#include <cmath>

#include "harness/base/text.h"
#include "harness/runner/summaries.h"
#include "harness/stats/process_interval.h"

namespace assay {
namespace {

bool is_time_or_rate(const MetricDef& def) {
  return def.direction != 0 && (def.unit == "s" || def.unit.ends_with("/s"));
}

std::vector<double> values_of(const std::string& tag, const std::vector<WorkerReply>& processes) {
  std::vector<double> values;
  for (const WorkerReply& process : processes) {
    const auto all = process_values(process);
    if (const auto found = all.find(tag); found != all.end()) values.push_back(found->second);
  }
  return values;
}

/// The width shrinks with the root of the number of processes.
std::size_t needed_processes(double half_width, std::size_t processes, double target) {
  const double times = std::pow(std::log1p(half_width) / std::log1p(target), 2);
  const auto blocks = static_cast<std::size_t>(
      std::ceil(times * static_cast<double>(processes) / kProcessesPerBlock));
  return blocks * kProcessesPerBlock;
}

}  // namespace

std::size_t most_processes(const Experiment& experiment) {
  return static_cast<std::size_t>(experiment.sampling.adapts()
                                      ? experiment.sampling.max_processes_per_arm
                                      : experiment.processes_per_arm);
}

AdaptiveStop stop_rule(const Experiment& experiment) {
  return AdaptiveStop({.target = experiment.sampling.target_interval,
                       .seconds = experiment.sampling.budget_s,
                       .fewest = static_cast<std::size_t>(experiment.processes_per_arm),
                       .most = most_processes(experiment)});
}

WidestInterval widest_interval(const SuiteKindEntry& kind,
                               const std::vector<WorkerReply>& processes) {
  WidestInterval widest;
  widest.half_width = 0;
  for (const MetricDef& def : kind.metrics) {
    if (!is_time_or_rate(def)) continue;
    const std::vector<double> values = values_of(def.tag, processes);
    if (values.empty()) continue;
    const auto interval = process_interval(values);
    if (!interval) return {def.tag, std::nullopt};
    const double half_width = log_half_width(*interval);
    if (half_width > *widest.half_width) widest = {def.tag, half_width};
  }
  return widest;
}

std::string wide_interval_text(const WidestInterval& widest, std::size_t processes, double seconds,
                               const Sampling& sampling) {
  const std::string asked = fmt::format("asked for is {:.3g} %", 100 * sampling.target_interval);
  const std::string spent = fmt::format(
      "after {} processes an arm in {} (budget_s = {:g}, max_processes_per_arm = {})", processes,
      human_seconds(seconds), sampling.budget_s, sampling.max_processes_per_arm);
  constexpr const char* kHelp =
      "a quieter machine, pinned cores, or more repetitions in each process";
  if (!widest.half_width) {
    return fmt::format("{} has no 95 % interval {}, and {}; what would help: {}", widest.tag, spent,
                       asked, kHelp);
  }
  const std::size_t needed =
      needed_processes(*widest.half_width, processes, sampling.target_interval);
  return fmt::format(
      "the half width of the 95 % interval of {} is {:.3g} % {}, and {}; what would help: some {} "
      "processes an arm, or {}",
      widest.tag, 100 * *widest.half_width, spent, asked, needed, kHelp);
}

std::string process_place(std::size_t process, const Experiment& experiment) {
  if (!experiment.sampling.adapts()) {
    return fmt::format("{} of {}", process, experiment.processes_per_arm);
  }
  return fmt::format("{}, at least {} and at most {}", process, experiment.processes_per_arm,
                     experiment.sampling.max_processes_per_arm);
}

}  // namespace assay
