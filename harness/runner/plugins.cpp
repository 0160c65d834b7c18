#include "harness/runner/plugins.h"

#include <algorithm>
#include <system_error>

#include "harness/base/errors.h"
#include "harness/base/hash_cache.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

std::vector<UsedPlugin>& plugins_of_this_command() {
  static std::vector<UsedPlugin> plugins;
  return plugins;
}

}  // namespace

void use_plugin(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw UserError(file.string() + ": no such plug-in; name the lib*.so that was built");
  }
  const fs::path whole = fs::canonical(file);
  std::vector<UsedPlugin>& plugins = plugins_of_this_command();
  const bool known =
      std::ranges::any_of(plugins, [&](const auto& one) { return one.file == whole; });
  if (!known) plugins.push_back({whole, cached_file_hash(whole)});
}

const std::vector<UsedPlugin>& used_plugins() { return plugins_of_this_command(); }

std::vector<std::string> plugin_arguments() {
  std::vector<std::string> arguments;
  for (const UsedPlugin& plugin : used_plugins()) {
    arguments.insert(arguments.end(), {"--plugin", plugin.hash, plugin.file.string()});
  }
  return arguments;
}

}  // namespace assay
