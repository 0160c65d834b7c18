#pragma once
// Metrics as the database wants them: with definitions, and over several timing processes.

#include <map>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// The kind's definitions, and one for every other tag that occurs in the values or samples:
/// the harness's own metrics by name, anything else as a neutral number.
std::vector<MetricDef> definitions_for(const SuiteKindEntry& kind,
                                       const std::vector<MetricValue>& values,
                                       const std::vector<Sample>& samples);

/// A process's value of each tag: the median of its samples (warm-up left out) or, for a tag
/// without samples, what it reported.
std::map<std::string, double> process_values(const WorkerReply& process);

/// One value a tag over the processes of a timing cell: the median of the processes' values, where
/// a process's value is the median of its samples (warm-up left out) or, for a tag without samples,
/// what it reported. The 95 % interval is over the processes' values, because samples inside one
/// process share its memory layout and the machine's state: of what cannot be negative, Student's
/// of the logs (process_interval: "student_t_logs"), or why there is none in `no_interval`;
/// distribution-free ("order_statistics") where values are 0; Student's of the values
/// ("student_t") for what can have either sign. No bound is outside of the metric's range. `n`
/// counts processes.
std::vector<MetricValue> summarise_processes(const SuiteKindEntry& kind,
                                             const std::vector<WorkerReply>& processes);

}  // namespace assay
