// Where everything comes from: content hashes, machines, the resolved experiment.

#include <algorithm>

#include "harness/base/json_text.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

Table origins_table(const std::vector<Origin>& origins) {
  Table table{"What was measured, by content",
              {{"", "what", "", 0}, {"", "name", "", 0}, {"", "SHA-256", "", 0}},
              {},
              3};
  for (const Origin& origin : origins) {
    if (origin.hash.empty()) continue;
    table.rows.push_back(
        {label_cell(origin.kind), label_cell(origin.name), label_cell(origin.hash)});
  }
  return table;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

void add_fields(Table& table, const std::string& name, const Json& value) {
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      add_fields(table, name.empty() ? key : name + "." + key, item);
    }
  } else if (!text_of(value).empty() && !value.is_null()) {
    table.rows.push_back({label_cell(name), label_cell(text_of(value))});
  }
}

/// One table a distinct machine or build. Fields that change with every process are no identity.
Table machine_table(const Json& environment, std::size_t number) {
  Table table{"Machine and build " + std::to_string(number),
              {{"", "field", "", 0}, {"", "value", "", 0}},
              {},
              2};
  add_fields(table, "", environment);
  return table;
}

Table experiment_table(const Json& config) {
  Table table{
      "The experiment, with all defaults", {{"", "key", "", 0}, {"", "value", "", 0}}, {}, 2};
  if (config.is_object()) add_fields(table, "", config);
  return table;
}

}  // namespace

Section provenance_section(const SectionInput& input) {
  constexpr std::size_t kMostMachines = 4;
  Section section{"provenance", "Environment and provenance", {}, {}, {}};
  std::size_t number = 0;
  for (const Json& environment : input.results.environments) {
    if (++number > kMostMachines) break;
    section.tables.push_back(machine_table(environment, number));
  }
  section.tables.push_back(origins_table(input.results.origins));
  section.tables.push_back(experiment_table(input.results.config));
  std::erase_if(section.tables, [](const Table& table) { return table.rows.empty(); });
  return section;
}

}  // namespace assay
