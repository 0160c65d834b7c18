#pragma once
// The plug-ins of this command: every worker that it starts loads them.

#include <filesystem>
#include <string>
#include <vector>

namespace assay {

struct UsedPlugin {
  std::filesystem::path file;  ///< absolute
  std::string hash;            ///< SHA-256 of the file when it was named
};

/// Once is enough for a file. Call before the worker is first asked for anything. Throws UserError
/// where there is no such file.
void use_plugin(const std::filesystem::path& file);

/// In the order in which they were named.
const std::vector<UsedPlugin>& used_plugins();

/// What a worker is told of them: `--plugin HASH FILE` for each, so that it loads what was planned
/// with, or nothing.
std::vector<std::string> plugin_arguments();

}  // namespace assay
