#pragma once
// How many processes a timing group takes.

#include <optional>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"
#include "harness/protocol/protocol.h"
#include "harness/stats/adaptive_stop.h"

namespace assay {

/// Of the schedule: every arm twice.
inline constexpr std::size_t kProcessesPerBlock = 2;

/// Most processes an arm: `processes_per_arm`, or the budget of sampling that adapts.
std::size_t most_processes(const Experiment& experiment);

AdaptiveStop stop_rule(const Experiment& experiment);

/// The metric of an arm whose interval is the widest of its times and rates (unit s or something/s,
/// with a better side).
struct WidestInterval {
  std::string tag;
  std::optional<double> half_width;  ///< on the log scale; absent when it has no interval
  [[nodiscard]] bool within(double target) const { return half_width && *half_width <= target; }
};

WidestInterval widest_interval(const SuiteKindEntry& kind,
                               const std::vector<WorkerReply>& processes);

/// Of the event times_wide_interval: how wide it is after so many processes, and what would help.
std::string wide_interval_text(const WidestInterval& widest, std::size_t processes, double seconds,
                               const Sampling& sampling);

/// "2 of 3", or "7, at least 4 and at most 40".
std::string process_place(std::size_t process, const Experiment& experiment);

}  // namespace assay
