#pragma once
// What stands below every report: how noisy the machine is, how many processes there were.

#include <string>
#include <vector>

#include "reports/document.h"

namespace assay {

/// One line a fact. A profile with times and no examination says so.
std::vector<std::string> footer_lines(const ExperimentResults& results);

}  // namespace assay
