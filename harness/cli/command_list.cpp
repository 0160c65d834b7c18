#include <fmt/format.h>

#include <utility>

#include "harness/base/output.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"

namespace assay {
namespace {

template <class Entries>
Json named(const Entries& entries) {
  Json list = Json::array();
  for (const auto& entry : entries) {
    list.push_back({{"name", entry.name}, {"summary", entry.summary}});
  }
  return list;
}

Json suite_list(const std::vector<SuiteEntry>& suites) {
  Json list = Json::array();
  for (const SuiteEntry& suite : suites) {
    list.push_back({{"name", suite.id}, {"kind", suite.kind}, {"summary", suite.summary}});
  }
  return list;
}

Json profile_list(const std::vector<ProfileEntry>& profiles) {
  Json list = Json::array();
  for (const ProfileEntry& profile : profiles) {
    list.push_back({{"name", profile.id}, {"summary", profile.summary}});
  }
  return list;
}

Json family_list() {
  Json list = Json::array();
  for (const FamilyInfo& family : families()) {
    list.push_back(
        {{"name", family.name}, {"summary", family.summary}, {"model_types", family.model_types}});
  }
  return list;
}

const std::vector<std::string>& nouns() {
  static const std::vector<std::string> kNouns = {"methods", "models",   "datasets",
                                                  "suites",  "profiles", "families"};
  return kNouns;
}

Json list_of(const std::string& noun) {
  if (noun == "families") return family_list();
  const Catalogue catalogue = load_catalogue();
  if (noun == "methods") return named(catalogue.methods);
  if (noun == "models") return named(catalogue.models);
  if (noun == "datasets") return named(catalogue.datasets);
  if (noun == "suites") return suite_list(catalogue.suites);
  return profile_list(catalogue.profiles);
}

void print_list(const std::string& noun, bool json) {
  const Json list = list_of(noun);
  if (json) {
    print_json(list);
    return;
  }
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& entry : list) {
    rows.emplace_back(entry.at("name").get<std::string>(), entry.at("summary").get<std::string>());
  }
  print_out(two_columns(rows));
}

}  // namespace

void add_list_command(CLI::App& program, CommandResult&) {
  CLI::App* list = add_command(program, "list", "List what can be named in an experiment",
                               "assay list methods\n  assay list suites --json");
  list->require_subcommand(1);
  for (const std::string& noun : nouns()) {
    CLI::App* command = add_command(*list, noun, "List the " + noun, "assay list " + noun);
    const auto json = add_switch(*command, "--json", "As JSON");
    command->callback([noun, json] { print_list(noun, *json); });
  }
}

}  // namespace assay
