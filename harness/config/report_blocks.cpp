#include "harness/config/report_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/layout_fields.h"
#include "harness/base/names.h"
#include "harness/base/text.h"
#include "harness/protocol/common_metrics.h"

namespace assay {
namespace {

void add_keys(std::vector<std::string>& fields, const char* prefix, const Json& params) {
  for (const auto& [key, value] : params.items()) fields.push_back(prefix + key);
}

/// What the results of this experiment will have.
std::vector<std::string> fields_of(const Experiment& experiment) {
  std::vector<std::string> fields = layout_field_names();
  for (const MethodChoice& method : experiment.methods) {
    add_keys(fields, "params.", method.params);
    if (method.calibration) {
      add_keys(fields, "params.calibration.", method.calibration->to_json());
    }
    if (method.training) add_keys(fields, "params.training.", method.training->to_json());
    if (!method.then.empty()) fields.emplace_back("params.then");
  }
  for (const SuiteChoice& suite : experiment.suites) {
    add_keys(fields, "suite.", suite.params);
  }
  const std::set<std::string> once(fields.begin(), fields.end());
  return {once.begin(), once.end()};
}

std::vector<std::string> metrics_of(const Experiment& experiment, const Catalogue& catalogue) {
  std::set<std::string> tags;
  const auto add = [&](const std::vector<MetricDef>& definitions) {
    for (const MetricDef& def : definitions) tags.insert(def.tag);
  };
  for (const SuiteChoice& suite : experiment.suites) add(catalogue.suite_kind(suite.kind).metrics);
  add(accounting_metrics());
  add(fit_metrics());
  return {tags.begin(), tags.end()};
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_fields(TableReader& reader, const char* key, const std::vector<std::string>& used,
                  const std::vector<std::string>& known) {
  for (const std::string& name : used) {
    if (has(known, name)) continue;
    if (reader.problems().full()) return;
    reader.problem(reader.place(key), unknown_name_message("field", name, known));
  }
}

/// A method may have metrics of its own, so only a tag that looks like a slip is refused.
void check_metrics(TableReader& reader, const std::vector<std::string>& used,
                   const std::vector<std::string>& known) {
  for (const std::string& name : used) {
    if (reader.problems().full()) return;
    if (has(known, name) || nearest_names(name, known).empty()) continue;
    reader.problem(reader.place("columns"), unknown_name_message("metric", name, known));
  }
}

void check_conditions(TableReader& reader, const std::vector<std::string>& conditions,
                      const std::vector<std::string>& known) {
  for (const std::string& text : conditions) {
    try {
      check_fields(reader, "where", {parse_condition(text).field}, known);
    } catch (const UserError& error) {
      reader.problem(reader.place("where"), error.what());
    }
  }
}

void check_name(TableReader& reader, const std::string& name, std::set<std::string>& seen) {
  if (name.empty()) return;
  if (!is_name(name)) {
    reader.refuse("name", *reader.node().get("name"), kNameRule);
  } else if (!seen.insert(name).second) {
    reader.problem(reader.place("name"),
                   fmt::format("two reports are called '{}'; rename one", name));
  }
}

}  // namespace

std::vector<ReportChoice> read_reports(std::vector<TableReader> blocks,
                                       const Experiment& experiment, const Catalogue& catalogue) {
  const std::vector<std::string> fields = fields_of(experiment);
  const std::vector<std::string> metrics = metrics_of(experiment, catalogue);
  std::vector<ReportChoice> choices;
  std::set<std::string> seen;
  for (TableReader& reader : blocks) {
    if (reader.problems().full()) break;
    ReportChoice choice;
    choice.name = reader.required_text("name");
    check_name(reader, choice.name, seen);
    reader.rename(fmt::format("report '{}'", choice.name));
    choice.title = reader.text("title").value_or(choice.name);
    choice.where = reader.texts("where").value_or(choice.where);
    choice.group_by = reader.texts("group_by").value_or(choice.group_by);
    choice.pivot = reader.texts("pivot").value_or(choice.pivot);
    choice.columns = reader.texts("columns").value_or(choice.columns);
    check_conditions(reader, choice.where, fields);
    check_fields(reader, "group_by", choice.group_by, fields);
    check_fields(reader, "pivot", choice.pivot, fields);
    check_metrics(reader, choice.columns, metrics);
    reader.finish();
    choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace assay
