#pragma once
// From a model's name in an experiment to its folder.

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "harness/config/catalogue.h"

namespace assay {

/// An importable model: a manifest under share/models. Empty when there is none of that name.
std::filesystem::path model_manifest(const std::string& name);

/// A folder that has `name` already: a path, or a name under $ASSAY_MODELS or assay_home()/models.
/// Empty when there is none.
std::filesystem::path present_model(const std::string& name);

/// Imports by manifest into assay_home()/models/<name> and returns the folder. Throws UserError for
/// an unknown name, MachineError when the tools or the source are missing.
std::filesystem::path import_model(const std::string& name, const Catalogue& catalogue,
                                   const std::function<void(const std::string&)>& say,
                                   std::stop_token stop);

/// Folder of a model, imported on demand.
std::filesystem::path find_model(const std::string& id, const Catalogue& catalogue,
                                 const std::function<void(const std::string&)>& say,
                                 std::stop_token stop);

}  // namespace assay
