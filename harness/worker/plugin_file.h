#pragma once
// What a plug-in says of itself, read out of its file before anything of it runs.

#include <filesystem>
#include <string>

#include "harness/base/json.h"

namespace assay {

struct PluginFile {
  std::string hash;  ///< SHA-256 of the file
  Json descriptor;   ///< as harness/method/plugin.h makes it
};

/// Reads the file; loads and runs nothing of it. Throws UserError for one that is missing, is no
/// shared library for this machine, or no plug-in.
PluginFile read_plugin_file(const std::filesystem::path& path);

/// Throws UserError, naming what differs, unless it was built for a worker like this one.
void require_fitting_plugin(const Json& descriptor, const std::filesystem::path& path);

}  // namespace assay
