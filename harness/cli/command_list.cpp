#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/listing.h"
#include "harness/cli/plugins.h"
#include "harness/runner/model_finder.h"

namespace assay {
namespace {

std::vector<std::string> training_data(const MethodEntry& method) {
  std::vector<std::string> forms;
  for (const TrainingNeed& need : method.training) forms.push_back(need.data);
  return forms;
}

Json methods() {
  Json list = Json::array();
  for (const MethodEntry& method : load_catalogue().methods) {
    const auto calibration =
        method.needs_calibration ? method.calibration_kinds() : std::vector<std::string>();
    list.push_back({{"name", method.name},
                    {"summary", method.summary},
                    {"calibrates_on", calibration},
                    {"trains_on", training_data(method)},
                    {"requires", to_json(method.requirements)}});
  }
  return list;
}

Json models() {
  Json list = Json::array();
  const Catalogue catalogue = load_catalogue_with_hub_cache();
  for (const ModelEntry& model : catalogue.models) {
    list.push_back({{"name", model.name},
                    {"summary", model.summary},
                    {"licence", model.licence},
                    {"here", !present_model(model.name, catalogue).empty()}});
  }
  return list;
}

Json datasets() {
  Json list = Json::array();
  for (const DatasetEntry& dataset : load_catalogue().datasets) {
    list.push_back({{"name", dataset.name},
                    {"summary", dataset.summary},
                    {"kind", dataset.kind},
                    {"splits", dataset.splits},
                    {"licence", dataset.licence}});
  }
  return list;
}

Json suites() {
  Json list = Json::array();
  for (const SuiteEntry& suite : load_catalogue().suites) {
    list.push_back({{"name", suite.id},
                    {"summary", suite.summary},
                    {"kind", suite.kind},
                    {"dataset", suite.dataset},
                    {"split", suite.split}});
  }
  return list;
}

Json profiles() {
  Json list = Json::array();
  for (const ProfileEntry& profile : load_catalogue().profiles) {
    list.push_back({{"name", profile.id},
                    {"summary", profile.summary},
                    {"device", profile.device},
                    {"dtype", profile.dtype},
                    {"threads", profile.threads}});
  }
  return list;
}

Json all_families() {
  Json list = Json::array();
  for (const FamilyInfo& family : families()) {
    list.push_back(
        {{"name", family.name}, {"summary", family.summary}, {"model_types", family.model_types}});
  }
  return list;
}

/// "causal", "not causal", "output == vocabulary"
std::string requirement_text(const Json& need) {
  const auto trait = need.at("trait").get<std::string>();
  const auto op = need.at("op").get<std::string>();
  const Json& value = need.at("value");
  if (op == "==" && value.is_boolean()) return (value.get<bool>() ? "" : "not ") + trait;
  return fmt::format("{} {} {}", trait, op,
                     value.is_string() ? value.get<std::string>() : value.dump());
}

std::string cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_object()) return requirement_text(value);
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const Json& part : value) parts.push_back(cell(part));
  return join(parts, ", ");
}

/// One kind of thing that can be listed.
struct Noun {
  std::string name, singular;
  Json (*entries)();
  /// Keys of the entries with titles, of the columns between name and summary.
  std::vector<std::pair<std::string, std::string>> columns;
};

const std::vector<Noun>& nouns() {
  static const std::vector<Noun> all = {
      {"methods",
       "method",
       methods,
       {{"calibrates_on", "calibrates on"}, {"trains_on", "trains on"}, {"requires", "model"}}},
      {"models", "model", models, {{"here", "here"}}},
      {"datasets", "data set", datasets, {{"kind", "kind"}, {"splits", "splits"}}},
      {"suites", "suite", suites, {{"kind", "kind"}, {"dataset", "data"}}},
      {"profiles",
       "profile",
       profiles,
       {{"device", "device"}, {"dtype", "dtype"}, {"threads", "threads"}}},
      {"families", "family", all_families, {{"model_types", "model_type"}}}};
  return all;
}

/// With the licence of what has one.
std::string summary_of(const Json& entry) {
  const std::string licence = entry.value("licence", "");
  const auto summary = entry.at("summary").get<std::string>();
  return licence.empty() ? summary : fmt::format("{} (licence: {})", summary, licence);
}

std::vector<std::string> line_of(const Noun& noun, const Json& entry) {
  std::vector<std::string> line = {entry.at("name").get<std::string>()};
  for (const auto& [key, title] : noun.columns) {
    const std::string text = cell(entry.at(key));
    line.push_back(text.empty() ? "-" : text);
  }
  line.push_back(summary_of(entry));
  return line;
}

std::string list_text(const Noun& noun, const Json& entries) {
  std::vector<std::string> titles = {noun.singular};
  for (const auto& [key, title] : noun.columns) titles.push_back(title);
  titles.emplace_back("summary");
  std::vector<std::vector<std::string>> lines;
  for (const Json& entry : entries) lines.push_back(line_of(noun, entry));
  return listing(titles, lines, terminal_width());
}

void print_list(const Noun& noun, bool json) {
  const Json entries = noun.entries();
  if (json) {
    print_json(entries);
  } else {
    print_out(list_text(noun, entries));
  }
}

}  // namespace

void add_list_command(CLI::App& program, CommandResult&) {
  CLI::App* list = add_command(program, "list", "List what can be named in an experiment",
                               "assay list methods\n  assay list suites --json");
  list->require_subcommand(1);
  for (const Noun& noun : nouns()) {
    CLI::App* command =
        add_command(*list, noun.name, "List the " + noun.name, "assay list " + noun.name);
    add_plugin_option(*command);
    const auto json = add_switch(*command, "--json", "As JSON");
    command->callback([&noun, json] { print_list(noun, *json); });
  }
}

}  // namespace assay
