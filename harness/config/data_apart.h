#pragma once
// Calibration text that may not come from what a method is scored by. Internal to harness/config.

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// A problem for each setting of a method that asks for it (MethodEntry::calibration_apart), whose
/// calibration text is of a data set that a suite of the experiment scores, whichever the split,
/// and that does not set `allow_suite_data`.
void check_calibration_apart(const std::vector<MethodChoice>& methods,
                             const std::vector<SuiteChoice>& suites, const Catalogue& catalogue,
                             Problems& problems);

}  // namespace assay
