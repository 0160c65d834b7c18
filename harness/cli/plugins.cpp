#include "harness/cli/plugins.h"

#include <filesystem>
#include <vector>

#include "harness/cli/help.h"
#include "harness/config/experiment_plugins.h"
#include "harness/runner/plugins.h"

namespace assay {

void add_plugin_option(CLI::App& command) {
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin",
          [](const std::vector<std::string>& files) {
            for (const std::string& file : files) use_plugin(file);
          },
          "A shared library with methods or suite kinds (docs/plugins.md); repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

Catalogue load_catalogue_for(const std::string& experiment_file) {
  if (!experiment_file.empty()) {
    for (const auto& file : named_plugins(experiment_file)) use_plugin(file);
  }
  return load_catalogue();
}

}  // namespace assay
