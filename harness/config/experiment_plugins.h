#pragma once
// Which plug-ins an experiment needs. They are loaded before the experiment can be read, since they
// say what a method's parameters are.

#include <filesystem>
#include <vector>

#include "harness/config/experiment.h"

namespace assay {

/// What `plugins` of [experiment] names, from the folder of the file on. What is not as it must be
/// is left out here and refused by read_experiment(). Throws UserError for a file that is missing
/// or not TOML.
std::vector<std::filesystem::path> named_plugins(const std::filesystem::path& experiment);

/// Those that methods and suites of the experiment are of, each once.
std::vector<PluginEntry> needed_plugins(const Experiment& experiment, const Catalogue& catalogue);

}  // namespace assay
