#pragma once
// One setting of a method, or of a chain of them, on a command line, checked as a `[[method]]`
// block is.

#include <string>
#include <vector>

#include "harness/config/experiment.h"

namespace assay {

/// A method as the command line has it. `settings` are texts KEY=VALUE: the method's parameters,
/// and "calibration.dataset=news", "training.items=64" for those of its data. Values are written as
/// in TOML; a text needs no quotes.
struct MethodText {
  std::string method;
  std::vector<std::string> settings = {};
};

/// One method, or several that are applied one after the other. Throws UserError with everything
/// that is wrong, as an experiment file does, and for a link that does nothing.
MethodChoice read_method_setting(const std::vector<MethodText>& chain, const Catalogue& catalogue);

}  // namespace assay
