#pragma once
// Metrics as the database wants them: with definitions, and over several timing processes.

#include <vector>

#include "harness/config/catalogue.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// The kind's definitions, and one for every other tag that occurs in the values or samples:
/// the harness's own metrics by name, anything else as a neutral number.
std::vector<MetricDef> definitions_for(const SuiteKindEntry& kind,
                                       const std::vector<MetricValue>& values,
                                       const std::vector<Sample>& samples);

/// One value a tag over the processes of a timing cell: the median of the processes' values, where
/// a process's value is the median of its samples (warm-up left out) or, for a tag without samples,
/// what it reported. The 95 % interval is over the processes' values, because samples inside one
/// process share its memory layout and the machine's state: distribution-free ("order_statistics")
/// from six processes on, Student's ("student_t") below, none for one. `n` counts processes.
std::vector<MetricValue> summarise_processes(const std::vector<WorkerReply>& processes);

}  // namespace assay
