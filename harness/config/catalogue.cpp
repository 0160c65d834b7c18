#include "harness/config/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/config/catalogue_files.h"

namespace assay {
namespace {

constexpr int kDescriptionVersion = 1;

template <typename Entry>
const Entry& find_entry(const char* what, const std::vector<Entry>& entries,
                        std::string Entry::*name, const std::string& wanted) {
  std::vector<std::string> known;
  for (const Entry& entry : entries) {
    if (entry.*name == wanted) return entry;
    known.push_back(entry.*name);
  }
  throw UserError(unknown_name_message(what, wanted, known));
}

std::vector<ParamSpec> params_from(const Json& list) {
  std::vector<ParamSpec> specs;
  for (const Json& document : list) specs.push_back(param_spec_from_json(document));
  return specs;
}

std::vector<StageEntry> stages_from(const Json& list) {
  std::vector<StageEntry> stages;
  for (const Json& one : list) {
    stages.push_back({one.at("name").get<std::string>(),
                      one.at("params").get<std::vector<std::string>>(),
                      one.at("inputs").get<std::vector<std::string>>(),
                      one.at("calibration").get<bool>(), one.at("training").get<bool>(),
                      param_conditions_from_json(one.value("when", Json::array())),
                      param_conditions_from_json(one.value("timed_when", Json::array()))});
  }
  return stages;
}

PluginEntry plugin_from(const Json& document) {
  const Json plugin = document.value("plugin", Json::object());
  return {plugin.value("file", ""), plugin.value("hash", "")};
}

MethodEntry method_from(const Json& document) {
  MethodEntry entry;
  entry.name = document.at("name").get<std::string>();
  entry.summary = document.at("summary").get<std::string>();
  entry.citation = document.at("citation").get<std::string>();
  entry.artefact_version = document.at("artefact_version").get<int>();
  entry.source_hash = document.at("source_hash").get<std::string>();
  entry.params = params_from(document.at("params"));
  entry.requirements = requirements_from_json(document.at("requires"));
  entry.changes = document.value("changes", std::vector<std::string>{});
  const Json& needs = document.at("needs");
  entry.needs_calibration = needs.at("calibration").get<bool>();
  entry.calibration_apart = needs.value("calibration_apart", false);
  entry.calibration_items = needs.value("calibration_items", false);
  entry.training = training_needs_from_json(needs.value("training", Json::array()));
  entry.stages = stages_from(document.value("stages", Json::array()));
  entry.calibration_unless =
      param_conditions_from_json(needs.value("calibration_unless", Json::array()));
  entry.plugin = plugin_from(document);
  return entry;
}

SuiteKindEntry kind_from(const Json& document) {
  SuiteKindEntry entry;
  entry.name = document.at("name").get<std::string>();
  entry.summary = document.at("summary").get<std::string>();
  entry.stage = document.at("stage").get<std::string>();
  entry.data_format = document.at("data_format").get<std::string>();
  entry.needs_trained_weights = document.at("needs_trained_weights").get<bool>();
  entry.params = params_from(document.at("params"));
  entry.requirements = requirements_from_json(document.value("requires", Json::array()));
  for (const Json& metric : document.at("metrics")) {
    entry.metrics.push_back(metric_def_from_json(metric));
  }
  entry.plugin = plugin_from(document);
  entry.source_hash = document.value("source_hash", "");
  return entry;
}

void read_description(const Json& description, Catalogue& catalogue) {
  if (description.value("version", 0) != kDescriptionVersion) {
    throw UserError(fmt::format(
        "assay-worker describes itself in version {}, this assay reads {}; build and install both "
        "from the same source",
        description.value("version", 0), kDescriptionVersion));
  }
  for (const Json& method : description.at("methods")) {
    catalogue.methods.push_back(method_from(method));
  }
  for (const Json& kind : description.at("suite_kinds")) {
    catalogue.suite_kinds.push_back(kind_from(kind));
  }
  for (const Json& family : description.at("families")) {
    catalogue.families.push_back(family.at("name").get<std::string>());
  }
  catalogue.worker_hash = json_hash(description);
}

/// There is no file that could name it.
void add_suites_of_plugins(Catalogue& catalogue) {
  for (const SuiteKindEntry& kind : catalogue.suite_kinds) {
    if (kind.plugin.file.empty() || !kind.data_format.empty()) continue;
    const bool taken = std::ranges::any_of(
        catalogue.suites, [&](const SuiteEntry& suite) { return suite.id == kind.name; });
    if (taken) continue;
    SuiteEntry suite;
    suite.id = suite.kind = kind.name;
    suite.summary = kind.summary;
    suite.hash = kind.source_hash;
    catalogue.suites.push_back(std::move(suite));
  }
}

}  // namespace

std::vector<std::string> MethodEntry::calibration_kinds() const {
  if (calibration_items) return {kTextData, kItemsData};
  return {kTextData};
}

const MethodEntry& Catalogue::method(const std::string& name) const {
  return find_entry("method", methods, &MethodEntry::name, name);
}
const SuiteKindEntry& Catalogue::suite_kind(const std::string& name) const {
  return find_entry("suite kind", suite_kinds, &SuiteKindEntry::name, name);
}
const SuiteEntry& Catalogue::suite(const std::string& id) const {
  return find_entry("suite", suites, &SuiteEntry::id, id);
}
const DatasetEntry& Catalogue::dataset(const std::string& name) const {
  return find_entry("dataset", datasets, &DatasetEntry::name, name);
}
const ProfileEntry& Catalogue::profile(const std::string& id) const {
  return find_entry("profile", profiles, &ProfileEntry::id, id);
}

std::string Catalogue::task_of(const std::string& dataset) const {
  std::set<std::string> tasks;
  for (const SuiteEntry& suite : suites) {
    if (suite.dataset == dataset && !suite.task.empty()) tasks.insert(suite.task);
  }
  if (tasks.size() == 1) return *tasks.begin();
  const std::string found = tasks.empty()
                                ? "no suite over it names one"
                                : "its suites name " + join({tasks.begin(), tasks.end()}, ", ");
  throw UserError(fmt::format(
      "data set '{}' needs one recipe for its prompts, and {}; name `task` in a suite over it",
      dataset, found));
}

Catalogue read_catalogue(const std::filesystem::path& share, const Json& worker_description) {
  Catalogue catalogue;
  try {
    read_description(worker_description, catalogue);
  } catch (const Json::exception& error) {
    throw UserError(fmt::format(
        "the answer of `assay-worker --describe` is malformed ({}); build and install assay and "
        "assay-worker from the same source",
        error.what()));
  }
  read_catalogue_files(share, catalogue);
  add_suites_of_plugins(catalogue);
  return catalogue;
}

}  // namespace assay
