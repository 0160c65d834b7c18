#include "harness/config/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/names.h"
#include "harness/base/text.h"
#include "harness/config/data_apart.h"
#include "harness/config/experiment_blocks.h"
#include "harness/config/experiment_plugins.h"
#include "harness/config/limits.h"
#include "harness/config/measure_block.h"
#include "harness/config/report_blocks.h"
#include "harness/config/toml_reader.h"

namespace assay {
namespace {

void read_name(TableReader& reader, Experiment& experiment) {
  experiment.name = reader.required_text("name");
  if (!experiment.name.empty() && !is_name(experiment.name)) {
    reader.refuse("name", *reader.node().get("name"), kNameRule);
  }
  experiment.title = reader.text("title").value_or(experiment.name);
}

template <typename Value>
void refuse_repeats(TableReader& reader, std::string_view key, const std::vector<Value>& values) {
  if (std::set<Value>(values.begin(), values.end()).size() != values.size()) {
    reader.problem(reader.place(key), fmt::format("{} has a value twice; remove one", key));
  }
}

void read_seeds(TableReader& reader, Experiment& experiment) {
  if (const auto seeds = reader.integers("seeds", 0)) {
    experiment.seeds.assign(seeds->begin(), seeds->end());
    refuse_repeats(reader, "seeds", *seeds);
  }
}

void read_profiles(TableReader& reader, const Catalogue& catalogue, Experiment& experiment) {
  experiment.profiles = reader.texts("profiles").value_or(experiment.profiles);
  refuse_repeats(reader, "profiles", experiment.profiles);
  for (const std::string& id : experiment.profiles) {
    try {
      (void)catalogue.profile(id);
    } catch (const UserError& error) {
      reader.problem(reader.place("profiles"), error.what());
    }
  }
}

void read_header(TableReader& root, const Catalogue& catalogue, Experiment& experiment) {
  auto header = root.table("experiment", "[experiment]");
  if (!header) {
    if (!root.node().contains("experiment")) {
      root.problem({root.file(), 1, 1}, "no [experiment]; add it with a name");
    }
    return;
  }
  read_name(*header, experiment);
  read_seeds(*header, experiment);
  read_profiles(*header, catalogue, experiment);
  (void)header->texts("plugins");  // named_plugins() has read them before
  header->finish(key_homes());
}

void need_one(TableReader& root, const char* block) {
  if (!root.node().contains(block)) {
    root.problem({root.file(), 1, 1}, fmt::format("no [[{}]]; add at least one", block));
  }
}

/// Throws at once: what follows looks at methods and suites in pairs.
void check_cells(TableReader& root, const Experiment& experiment) {
  const std::string problem = too_many({{experiment.models.size(), "models"},
                                        {experiment.methods.size(), "methods"},
                                        {experiment.suites.size(), "suites"},
                                        {experiment.profiles.size(), "profiles"},
                                        {experiment.seeds.size(), "seeds"}},
                                       "cells");
  if (problem.empty()) return;
  root.problem({root.file(), 0, 0}, "the experiment " + problem);
  root.problems().throw_if_any();
}

}  // namespace

Json CalibrationChoice::to_json() const {
  return {{"dataset", dataset}, {"split", split}, {"samples", samples}, {"tokens", tokens}};
}

Json TrainingChoice::to_json() const {
  if (on_text()) {
    return {{"dataset", dataset}, {"split", split}, {"samples", samples}, {"tokens", tokens}};
  }
  return {{"dataset", dataset},
          {"split", split},
          {"items", items},
          {"subset_seed", subset_seed},
          {"max_tokens", max_tokens}};
}

std::string MethodChoice::chain_name() const {
  std::string name = id;
  for (const MethodChoice& next : then) name += " then " + next.id;
  return name;
}

Json MethodChoice::all_params() const {
  Json all = params;
  if (calibration) all["calibration"] = calibration->to_json();
  if (training) all["training"] = training->to_json();
  for (const MethodChoice& next : then) {
    Json entry = next.all_params();
    entry["id"] = next.id;
    all["then"].push_back(std::move(entry));
  }
  return all;
}

Json ReportChoice::to_json() const {
  return {{"name", name},         {"title", title}, {"where", where},
          {"group_by", group_by}, {"pivot", pivot}, {"columns", columns}};
}

Json Experiment::resolved() const {
  Json document = {
      {"name", name},
      {"title", title},
      {"seeds", seeds},
      {"profiles", profiles},
      {"models", Json::array()},
      {"methods", Json::array()},
      {"suites", Json::array()},
      {"measure", {{"processes_per_arm", processes_per_arm}, {"timeout_s", timeout_s}}}};
  // As for reports below: what is not asked for has no key.
  if (sampling.adapts()) document["measure"].update(sampling.to_json());
  if (checkpoint_s != kCheckpointSeconds) document["measure"]["checkpoint_s"] = checkpoint_s;
  for (const ModelChoice& model : models) {
    document["models"].push_back(
        {{"id", model.id}, {"weights", model.random_weights ? "random" : "checkpoint"}});
  }
  for (const MethodChoice& method : methods) {
    document["methods"].push_back({{"id", method.id}, {"params", method.params}});
    const Json all = method.all_params();
    for (const char* key : {"calibration", "training", "then"}) {
      if (all.contains(key)) document["methods"].back()[key] = all.at(key);
    }
  }
  for (const SuiteChoice& suite : suites) {
    document["suites"].push_back({{"id", suite.id},
                                  {"kind", suite.kind},
                                  {"dataset", suite.dataset},
                                  {"split", suite.split},
                                  {"params", suite.params}});
  }
  for (const PluginEntry& plugin : plugins) {
    document["plugins"].push_back({{"file", plugin.file}, {"hash", plugin.hash}});
  }
  // Without reports there is no key: experiments from before there were any keep their identity.
  for (const ReportChoice& report : reports) document["reports"].push_back(report.to_json());
  return document;
}

Experiment read_document(const TomlDocument& document, const Catalogue& catalogue,
                         Problems& problems) {
  TableReader root(document.root, document.file, "the experiment file", problems);
  Experiment experiment;
  read_header(root, catalogue, experiment);
  experiment.models = read_models(root.tables("model"));
  experiment.methods = read_methods(root.tables("method"), catalogue);
  experiment.suites = read_suites(root.tables("suite"), catalogue);
  check_cells(root, experiment);
  experiment.reports = read_reports(root.tables("report"), experiment, catalogue);
  read_measure(root, experiment);
  check_calibration_apart(experiment.methods, experiment.suites, catalogue, problems);
  check_answers_apart(experiment.methods, experiment.suites, problems);
  check_training_apart(experiment.methods, experiment.suites, problems);
  for (const char* block : {"model", "method", "suite"}) need_one(root, block);
  root.finish(key_homes());
  problems.throw_if_any();
  experiment.plugins = needed_plugins(experiment, catalogue);
  return experiment;
}

Experiment read_experiment(const std::filesystem::path& path, const Catalogue& catalogue) {
  Problems problems;
  return read_document(TomlDocument(path), catalogue, problems);
}

}  // namespace assay
