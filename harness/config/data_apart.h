#pragma once
// Data of a method that may not come from what it is scored by. Internal to harness/config.

#include "harness/config/experiment.h"
#include "harness/config/toml_reader.h"

namespace assay {

/// A problem for each setting of a method that asks for it (MethodEntry::calibration_apart), whose
/// calibration text is of a data set that a suite of the experiment scores, whichever the split,
/// and that does not set `allow_suite_data`.
void check_calibration_apart(const std::vector<MethodChoice>& methods,
                             const std::vector<SuiteChoice>& suites, const Catalogue& catalogue,
                             Problems& problems);

/// A problem for each setting that would be calibrated on the very questions, with their right
/// answers, that a suite of the experiment scores: the same split of the same data set.
void check_answers_apart(const std::vector<MethodChoice>& methods,
                         const std::vector<SuiteChoice>& suites, Problems& problems);

/// A problem for each setting that would train on the very text that a suite of the experiment
/// scores: the same split of the same data set. The same text under another name, and labelled
/// items, are found once they are prepared (harness/runner/training_check.h).
void check_training_apart(const std::vector<MethodChoice>& methods,
                          const std::vector<SuiteChoice>& suites, Problems& problems);

}  // namespace assay
