#include "harness/config/experiment_plugins.h"

#include <map>

#include "harness/config/toml_reader.h"

namespace assay {

std::vector<std::filesystem::path> named_plugins(const std::filesystem::path& experiment) {
  const TomlDocument document(experiment);
  std::vector<std::filesystem::path> files;
  const toml::array* named = document.root["experiment"]["plugins"].as_array();
  if (named == nullptr) return files;
  for (const toml::node& one : *named) {
    if (const auto text = one.value_exact<std::string>()) {
      files.push_back(experiment.parent_path() / *text);
    }
  }
  return files;
}

std::vector<PluginEntry> needed_plugins(const Experiment& experiment, const Catalogue& catalogue) {
  std::map<std::string, PluginEntry> needed;
  const auto add = [&](const PluginEntry& plugin) {
    if (!plugin.file.empty()) needed.emplace(plugin.file, plugin);
  };
  for (const MethodChoice& method : experiment.methods) {
    for (std::size_t i = 0; i <= method.then.size(); ++i) {
      add(catalogue.method(method.link(i).id).plugin);
    }
  }
  for (const SuiteChoice& suite : experiment.suites) add(catalogue.suite_kind(suite.kind).plugin);
  std::vector<PluginEntry> list;
  for (const auto& [file, plugin] : needed) list.push_back(plugin);
  return list;
}

}  // namespace assay
