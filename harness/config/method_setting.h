#pragma once
// One setting of a method on a command line, checked as a `[[method]]` block is.

#include <string>
#include <vector>

#include "harness/config/experiment.h"

namespace assay {

/// `settings` are texts KEY=VALUE: the method's parameters, and "calibration.dataset=news",
/// "training.items=64" for those of its data. Values are written as in TOML; a text needs no quotes. Throws
/// UserError with everything that is wrong, as an experiment file does.
MethodChoice read_method_setting(const std::string& method,
                                 const std::vector<std::string>& settings,
                                 const Catalogue& catalogue);

}  // namespace assay
