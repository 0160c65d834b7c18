#pragma once
// Where times were taken: one line a machine, and a remark beside each time where there were
// several.

#include <string>
#include <vector>

#include "reports/document.h"

namespace assay {

/// "Times are of machine 0123456789ab: PROCESSOR, 2 cores, 24 GiB."; with several, how many cells
/// are of each. Sorted; empty where nothing was timed or no machine was kept.
std::vector<std::string> machine_lines(const ExperimentResults& results);

/// Of each timed cell, the machine, where the times of an experiment are of more than one: times of
/// different machines say nothing about methods. Ratios to a cell's own twin do.
std::vector<Remark> machine_remarks(const ExperimentResults& results);

}  // namespace assay
