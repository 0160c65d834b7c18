#include "harness/config/experiment_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "harness/base/errors.h"
#include "harness/config/axes.h"
#include "harness/config/data_choices.h"
#include "harness/config/limits.h"

namespace assay {
namespace {

// Reports a combination that an earlier block already asked for; true when it is new.
bool is_new(std::map<std::string, SourcePlace>& seen, const Json& identity, TableReader& reader) {
  const auto [known, added] = seen.emplace(canonical_json(identity), reader.place());
  if (!added) {
    reader.problem(reader.place(),
                   fmt::format("{} repeats what {} asks for ({}); remove one", reader.what(),
                               reader.problems().name(known->second), canonical_json(identity)));
  }
  return added;
}

// The catalogue's entry for the block's id; null after reporting an unknown or missing one. All
// other keys of such a block are left alone: nobody can say what they mean.
template <typename Find>
auto find_by_id(TableReader& reader, const char* what, Find find) -> decltype(&find("")) {
  const std::string id = reader.required_text("id");
  if (id.empty()) return nullptr;
  reader.rename(fmt::format("{} '{}'", what, id));
  try {
    return &find(id);
  } catch (const UserError& error) {
    reader.problem(reader.place("id"), error.what());
    return nullptr;
  }
}

/// One setting's calibrations: each of the block's, or none where it does not look at them.
Calibrations calibrations_for(const Json& params, const MethodEntry& method,
                              const Calibrations& of_block) {
  if (method.needs_calibration_for(params)) return of_block;
  return {std::nullopt};
}

/// False, and a problem, where the block asks for more than an experiment may have.
bool few_enough(TableReader& reader, const std::vector<Factor>& factors) {
  const std::string problem = too_many(factors, "settings");
  if (!problem.empty()) {
    reader.problem(reader.place(), fmt::format("{} {}", reader.what(), problem));
  }
  return problem.empty();
}

/// Every setting of the block by itself, without what is applied to its result.
std::vector<MethodChoice> settings_of(TableReader& reader, const MethodEntry& method,
                                      const Catalogue& catalogue) {
  const std::vector<Axis> axes = read_axes(reader, method.params);
  std::vector<Json> settings;
  for (const Json& given : multiply(reader, axes))
    settings.push_back(written_out(method.params, given));
  const bool any = std::any_of(settings.begin(), settings.end(), [&](const Json& params) {
    return method.needs_calibration_for(params);
  });
  const Calibrations calibrations = calibrations_of(reader, method, any, catalogue);
  const Trainings trainings = trainings_of(reader, method, catalogue);
  std::vector<MethodChoice> choices;
  if (!few_enough(reader, {{settings.size(), "settings of parameters"},
                           {any ? calibrations.size() : 1, "of calibration"},
                           {trainings.size(), "of training"}})) {
    return {};
  }
  for (const Json& params : settings) {
    for (const auto& calibration : calibrations_for(params, method, calibrations)) {
      for (const auto& training : trainings) {
        choices.push_back({method.name, params, calibration, reader.place(), training});
      }
    }
  }
  return choices;
}

std::vector<MethodChoice> read_method(TableReader& reader, const Catalogue& catalogue,
                                      bool may_go_on);

/// All chains that the block's `then` gives; one empty chain where there is none.
std::vector<std::vector<MethodChoice>> chains_of(TableReader& reader, const Catalogue& catalogue) {
  std::vector<std::vector<MethodChoice>> chains = {{}};
  for (TableReader& link : reader.tables("then")) {
    const std::vector<MethodChoice> alternatives = read_method(link, catalogue, false);
    std::vector<std::vector<MethodChoice>> longer;
    if (!few_enough(link,
                    {{chains.size(), "chains before it"}, {alternatives.size(), "settings"}})) {
      return {};
    }
    for (const auto& chain : chains) {
      for (const MethodChoice& next : alternatives) {
        longer.push_back(chain);
        longer.back().push_back(next);
      }
    }
    chains = std::move(longer);
  }
  return chains;
}

/// `may_go_on`: the block may say what is applied to its result.
std::vector<MethodChoice> read_method(TableReader& reader, const Catalogue& catalogue,
                                      bool may_go_on) {
  const MethodEntry* method = find_by_id(
      reader, "method",
      [&catalogue](const std::string& id) -> const MethodEntry& { return catalogue.method(id); });
  if (method == nullptr) return {};
  const std::vector<MethodChoice> settings = settings_of(reader, *method, catalogue);
  if (method->name == "dense" && reader.node().contains("then")) {
    reader.problem(
        reader.place("then"),
        "nothing is done before 'then' here; write its methods as [[method]] of their own");
  }
  const auto chains =
      may_go_on ? chains_of(reader, catalogue) : std::vector<std::vector<MethodChoice>>{{}};
  reader.finish(key_homes());
  std::vector<MethodChoice> choices;
  if (!few_enough(reader, {{settings.size(), "settings"}, {chains.size(), "chains behind them"}})) {
    return {};
  }
  for (const MethodChoice& setting : settings) {
    for (const auto& chain : chains) {
      choices.push_back(setting);
      choices.back().then = chain;
    }
  }
  return choices;
}

}  // namespace

const KeyHomes& key_homes() {
  static const KeyHomes kHomes = {{"name", "[experiment]"},
                                  {"title", "[experiment]"},
                                  {"seeds", "[experiment]"},
                                  {"profiles", "[experiment]"},
                                  {"plugins", "[experiment]"},
                                  {"processes_per_arm", "[measure]"},
                                  {"timeout_s", "[measure]"},
                                  {"checkpoint_s", "[measure]"},
                                  {"target_interval", "[measure]"},
                                  {"budget_s", "[measure]"},
                                  {"max_processes_per_arm", "[measure]"},
                                  {"weights", "[[model]]"},
                                  {"calibration", "[[method]]"},
                                  {"training", "[[method]]"},
                                  {"then", "[[method]]"},
                                  {"group_by", "[[report]]"},
                                  {"pivot", "[[report]]"},
                                  {"where", "[[report]]"},
                                  {"columns", "[[report]]"}};
  return kHomes;
}

std::vector<ModelChoice> read_models(std::vector<TableReader> blocks) {
  std::vector<ModelChoice> choices;
  std::map<std::string, SourcePlace> seen;
  for (TableReader& reader : blocks) {
    if (reader.problems().full()) break;
    ModelChoice choice;
    choice.id = reader.required_text("id");
    reader.rename(fmt::format("model '{}'", choice.id));
    choice.random_weights = reader.word("weights", {"checkpoint", "random"}) == "random";
    choice.place = reader.place();
    reader.finish(key_homes());
    if (is_new(seen, {{"id", choice.id}, {"random", choice.random_weights}}, reader)) {
      choices.push_back(choice);
    }
  }
  return choices;
}

std::vector<MethodChoice> read_methods(std::vector<TableReader> blocks,
                                       const Catalogue& catalogue) {
  std::vector<MethodChoice> choices;
  std::map<std::string, SourcePlace> seen;
  for (TableReader& reader : blocks) {
    if (reader.problems().full()) break;
    std::vector<MethodChoice> more = read_method(reader, catalogue, true);
    if (!few_enough(reader, {{choices.size() + more.size(), "settings of all methods"}})) break;
    for (MethodChoice& choice : more) {
      const Json identity = {{"method", choice.id}, {"params", choice.all_params()}};
      if (is_new(seen, identity, reader)) choices.push_back(std::move(choice));
    }
  }
  return choices;
}

std::vector<SuiteChoice> read_suites(std::vector<TableReader> blocks, const Catalogue& catalogue) {
  std::vector<SuiteChoice> choices;
  std::map<std::string, SourcePlace> seen;
  for (TableReader& reader : blocks) {
    if (reader.problems().full()) break;
    const SuiteEntry* suite = find_by_id(
        reader, "suite",
        [&catalogue](const std::string& id) -> const SuiteEntry& { return catalogue.suite(id); });
    if (suite == nullptr) continue;
    const SuiteKindEntry& kind = catalogue.suite_kind(suite->kind);
    std::vector<ParamSpec> specs = kind.params;
    for (ParamSpec& spec : specs) {
      if (suite->params.contains(spec.name)) spec.default_value = suite->params.at(spec.name);
    }
    const std::vector<Axis> axes = read_axes(reader, specs);
    reader.finish(key_homes());
    const std::vector<Json> settings = multiply(reader, axes);
    if (!few_enough(reader, {{choices.size() + settings.size(), "settings of all suites"}})) break;
    for (const Json& given : settings) {
      SuiteChoice choice{
          suite->id, suite->kind,   suite->dataset, suite->split, written_out(specs, given),
          false,     reader.place()};
      choice.limited = choice.params.value("limit", 0.0) > 0;
      if (is_new(seen, {{"suite", choice.id}, {"params", choice.params}}, reader)) {
        choices.push_back(std::move(choice));
      }
    }
  }
  return choices;
}

}  // namespace assay
