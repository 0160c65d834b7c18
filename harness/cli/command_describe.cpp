#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/cli/plugins.h"
#include "harness/config/model_files.h"
#include "harness/runner/model_finder.h"

namespace assay {
namespace {

Json specs_json(const std::vector<ParamSpec>& specs) {
  Json list = Json::array();
  for (const ParamSpec& spec : specs) {
    Json entry = to_json(spec);
    entry["allowed"] = allowed_values(spec);
    list.push_back(std::move(entry));
  }
  return list;
}

Json describe_method(const MethodEntry& method) {
  Json document = {{"kind", "method"},
                   {"name", method.name},
                   {"summary", method.summary},
                   {"citation", method.citation},
                   {"artefact_version", method.artefact_version},
                   {"needs_calibration", method.needs_calibration},
                   {"calibration_unless", to_json(method.calibration_unless)},
                   {"requires", to_json(method.requirements)},
                   {"params", specs_json(method.params)}};
  if (method.needs_calibration) {
    document["calibrates_on"] = join(method.calibration_kinds(), " or ");
  }
  if (!method.plugin.file.empty()) document["plugin"] = method.plugin.file;
  if (!method.training.empty()) document["trains_on"] = training_forms(method.training);
  return document;
}

Json describe_kind(const SuiteKindEntry& kind) {
  Json metrics = Json::array();
  for (const MetricDef& def : kind.metrics) metrics.push_back(to_json(def));
  Json document = {{"kind", "suite kind"},
                   {"name", kind.name},
                   {"summary", kind.summary},
                   {"stage", kind.stage},
                   {"data", kind.data_format},
                   {"needs_trained_weights", kind.needs_trained_weights},
                   {"metrics", metrics},
                   {"params", specs_json(kind.params)},
                   {"requires", to_json(kind.requirements)}};
  if (!kind.plugin.file.empty()) document["plugin"] = kind.plugin.file;
  return document;
}

Json describe_suite(const Catalogue& catalogue, const SuiteEntry& suite) {
  Json document = describe_kind(catalogue.suite_kind(suite.kind));
  document["kind"] = "suite";
  document["suite_kind"] = suite.kind;
  document["name"] = suite.id;
  document["summary"] = suite.summary;
  document["dataset"] = suite.dataset;
  document["split"] = suite.split;
  for (Json& spec : document["params"]) {
    const auto value = suite.params.find(spec.at("name").get<std::string>());
    if (value != suite.params.end()) spec["default"] = *value;
  }
  return document;
}

Json describe_dataset(const DatasetEntry& dataset) {
  return {{"kind", "dataset"},           {"name", dataset.name},     {"summary", dataset.summary},
          {"licence", dataset.licence},  {"source", dataset.source}, {"splits", dataset.splits},
          {"sampling", dataset.sampling}};
}

Json describe_model(const Catalogue& catalogue, const ModelEntry& model) {
  Json document = {{"kind", "model"}, {"name", model.name}, {"summary", model.summary}};
  if (!model.source.empty()) document["source"] = model.source;
  const auto folder = present_model(model.name, catalogue);
  document["folder"] = folder.string();
  if (!folder.empty()) document["traits"] = traits(Checkpoint::open(folder, false).spec());
  return document;
}

Json describe_profile(const ProfileEntry& profile) {
  return {{"kind", "profile"},
          {"name", profile.id},
          {"summary", profile.summary},
          {"settings", profile.fingerprint()}};
}

Json describe_family(const FamilyInfo& family) {
  return {{"kind", "family"},
          {"name", family.name},
          {"summary", family.summary},
          {"model_types", family.model_types}};
}

/// All things of that name; a name may stand for more than one kind of thing.
std::vector<Json> describe_all(const Catalogue& catalogue, const std::string& name) {
  std::vector<Json> found;
  for (const auto& e : catalogue.methods) {
    if (e.name == name) found.push_back(describe_method(e));
  }
  for (const auto& e : catalogue.suites) {
    if (e.id == name) found.push_back(describe_suite(catalogue, e));
  }
  for (const auto& e : catalogue.suite_kinds) {
    const bool is_suite = !found.empty() && found.back().at("kind") == "suite";
    if (e.name == name && !is_suite) found.push_back(describe_kind(e));
  }
  for (const auto& e : catalogue.datasets) {
    if (e.name == name) found.push_back(describe_dataset(e));
  }
  for (const auto& e : catalogue.models) {
    if (e.name == name) found.push_back(describe_model(catalogue, e));
  }
  for (const auto& e : catalogue.profiles) {
    if (e.id == name) found.push_back(describe_profile(e));
  }
  for (const auto& e : families()) {
    if (e.name == name) found.push_back(describe_family(e));
  }
  return found;
}

std::vector<std::string> all_names(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const auto& e : catalogue.methods) names.push_back(e.name);
  for (const auto& e : catalogue.suites) names.push_back(e.id);
  for (const auto& e : catalogue.suite_kinds) names.push_back(e.name);
  for (const auto& e : catalogue.datasets) names.push_back(e.name);
  for (const auto& e : catalogue.models) names.push_back(e.name);
  for (const auto& e : catalogue.profiles) names.push_back(e.id);
  for (const auto& e : families()) names.push_back(e.name);
  return names;
}

std::string plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const Json& part : value) parts.push_back(plain(part));
    return join(parts, ", ");
  }
  return value.dump();
}

std::string params_text(const Json& params) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& spec : params) {
    const Json fallback = spec.value("default", Json());
    rows.emplace_back("  " + spec.at("name").get<std::string>(),
                      fmt::format("{} ({}; {})", spec.at("help").get<std::string>(),
                                  spec.at("allowed").get<std::string>(),
                                  fallback.is_null() ? "required" : "default " + plain(fallback)));
  }
  return two_columns(rows);
}

std::string requirements_text(const Json& requirements) {
  std::vector<std::string> parts;
  for (const Json& need : requirements) {
    parts.push_back(fmt::format("{} {} {}", plain(need.at("trait")), plain(need.at("op")),
                                plain(need.at("value"))));
  }
  return parts.empty() ? "nothing of the model" : join(parts, "; ");
}

std::string metrics_text(const Json& metrics) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Json& metric : metrics) {
    const int direction = metric.value("direction", 0);
    const std::string unit = metric.value("unit", "");
    rows.emplace_back(
        "  " + metric.at("tag").get<std::string>(),
        fmt::format("{}{}{}", metric.value("help", ""), unit.empty() ? "" : " [" + unit + "]",
                    direction > 0   ? ", higher is better"
                    : direction < 0 ? ", lower is better"
                                    : ""));
  }
  return two_columns(rows);
}

std::string text_of(const Json& document) {
  std::string text = fmt::format("{} {}: {}\n", plain(document.at("kind")),
                                 plain(document.at("name")), plain(document.at("summary")));
  for (const auto& [name, value] : document.items()) {
    if (name == "kind" || name == "name" || name == "summary" || name == "params" ||
        name == "metrics" || value == "") {
      continue;
    }
    if (name == "requires") {
      text += fmt::format("requires: {}\n", requirements_text(value));
    } else if (value.is_object()) {
      text += name + ":\n";
      for (const auto& [key, inner] : value.items()) {
        text += fmt::format("  {} = {}\n", key, plain(inner));
      }
    } else {
      text += fmt::format("{}: {}\n", name, plain(value));
    }
  }
  if (document.contains("metrics")) text += "metrics:\n" + metrics_text(document["metrics"]);
  if (document.contains("params") && !document["params"].empty()) {
    text += "parameters:\n" + params_text(document["params"]);
  }
  return text;
}

void print_description(const std::string& name, bool json) {
  Catalogue catalogue = load_catalogue();
  std::vector<Json> found = describe_all(catalogue, name);
  if (found.empty()) {
    add_models_in_hub_cache(catalogue);
    found = describe_all(catalogue, name);
  }
  if (found.empty()) throw UserError(unknown_name_message("name", name, all_names(catalogue)));
  if (json) {
    print_json(found);
    return;
  }
  std::vector<std::string> texts;
  for (const Json& document : found) texts.push_back(text_of(document));
  print_out(join(texts, "\n"));
}

}  // namespace

void add_describe_command(CLI::App& program, CommandResult&) {
  CLI::App* command = add_command(program, "describe",
                                  "Describe a method, suite, data set, model, profile or family",
                                  "assay describe wanda\n  assay describe wikitext2-ppl --json");
  const auto name = std::make_shared<std::string>();
  command->add_option("name", *name, "A name of `assay list`")->required()->type_name("NAME");
  add_plugin_option(*command);
  const auto json = add_switch(*command, "--json", "As JSON: an array of what has that name");
  command->callback([name, json] { print_description(*name, *json); });
}

}  // namespace assay
