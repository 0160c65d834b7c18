#include "harness/config/experiment_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/param_makers.h"
#include "harness/base/text.h"
#include "harness/config/axes.h"

namespace assay {
namespace {

// Reports a combination that an earlier block already asked for; true when it is new.
bool is_new(std::map<std::string, SourcePlace>& seen, const Json& identity, TableReader& reader) {
  const auto [known, added] = seen.emplace(canonical_json(identity), reader.place());
  if (!added) {
    reader.problem(reader.place(),
                   fmt::format("{} repeats what {} asks for ({}); remove one", reader.what(),
                               known->second.text(), canonical_json(identity)));
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

/// `dataset` among those of these kinds, and `split`.
std::vector<ParamSpec> data_specs(const Catalogue& catalogue, const std::set<std::string>& kinds,
                                  const std::string& dataset, const std::string& split) {
  std::vector<std::string> datasets;
  for (const DatasetEntry& entry : catalogue.datasets) {
    if (kinds.contains(entry.kind)) datasets.push_back(entry.name);
  }
  ParamSpec of_dataset{.name = "dataset",
                       .type = ParamType::kChoice,
                       .default_value = dataset,
                       .help = "data set to draw from",
                       .unit = "",
                       .min = {},
                       .max = {},
                       .max_open = false,
                       .choices = datasets};
  ParamSpec of_split = of_dataset;
  of_split.name = "split";
  of_split.type = ParamType::kText;
  of_split.default_value = split;
  of_split.choices.clear();
  return {of_dataset, of_split};
}

std::vector<ParamSpec> calibration_specs(const Catalogue& catalogue) {
  const CalibrationChoice standard;
  std::vector<ParamSpec> specs =
      data_specs(catalogue, {kTextData}, standard.dataset, standard.split);
  specs.push_back(count_param("samples", standard.samples, 1, "", "number of samples"));
  specs.push_back(
      count_param("tokens", standard.tokens, 0, "",
                  "length of a sample; 0: the smaller of 2048 and the model's positions"));
  return specs;
}

/// Beside `dataset` and `split`.
std::vector<ParamSpec> training_specs_of(const std::string& data) {
  const TrainingChoice standard;
  if (data == kTextData) {
    return {count_param("samples", standard.samples, 0, "",
                        "windows from the beginning of the text on; 0: all of the split"),
            count_param("tokens", standard.tokens, 0, "",
                        "length of a window; 0: the smaller of 256 and the model's positions")};
  }
  return {count_param("items", standard.items, 0, "",
                      "items of a shuffled order to train on; 0: all of the split"),
          count_param("subset_seed", standard.subset_seed, 0, "", "seed of that order"),
          count_param("max_tokens", standard.max_tokens, 4, "", "longer items are cut")};
}

std::vector<ParamSpec> training_specs(const Catalogue& catalogue, const MethodEntry& method) {
  const TrainingChoice standard;
  std::set<std::string> kinds;
  std::vector<ParamSpec> more;
  for (const TrainingNeed& need : method.training) {
    kinds.insert(need.data);
    for (ParamSpec& spec : training_specs_of(need.data)) more.push_back(std::move(spec));
  }
  std::vector<ParamSpec> specs = data_specs(catalogue, kinds, standard.dataset, standard.split);
  specs.insert(specs.end(), more.begin(), more.end());
  // The standard data set is labelled.
  if (!kinds.contains(kLabelledData)) specs.front().default_value = nullptr;
  return specs;
}

template <typename Choice>
void check_split(TableReader& reader, const SourcePlace& place, const Choice& choice,
                 const Catalogue& catalogue) {
  try {
    const DatasetEntry& dataset = catalogue.dataset(choice.dataset);
    if (std::find(dataset.splits.begin(), dataset.splits.end(), choice.split) ==
        dataset.splits.end()) {
      reader.problem(place, unknown_name_message("split", choice.split, dataset.splits) +
                                fmt::format(" (data set '{}')", choice.dataset));
    }
  } catch (const UserError& error) {
    reader.problem(place, error.what());
  }
}

/// Each data set and split once, however many settings name it.
template <typename Choice>
void check_splits(TableReader& reader, const SourcePlace& place,
                  const std::vector<std::optional<Choice>>& choices, const Catalogue& catalogue) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const std::optional<Choice>& choice : choices) {
    if (seen.emplace(choice->dataset, choice->split).second) {
      check_split(reader, place, *choice, catalogue);
    }
  }
}

/// Each is false after a problem.
bool fill(TableReader&, CalibrationChoice& choice, const Json& values, const Catalogue&) {
  choice.samples = values.value("samples", choice.samples);
  choice.tokens = values.value("tokens", choice.tokens);
  return true;
}

/// A key of another form of data than the data set's is a mistake, not without effect.
bool check_form(TableReader& reader, const TrainingChoice& choice, const Json& values) {
  bool good = choice.tokens != 1;
  const Json known = choice.to_json();
  for (const auto& [key, value] : values.items()) {
    if (known.contains(key)) continue;
    good = false;
    std::vector<std::string> allowed;
    for (const ParamSpec& spec : training_specs_of(choice.data)) allowed.push_back(spec.name);
    reader.problem(reader.place(key),
                   fmt::format("'{}' is not said of {} data, which '{}' is; known: {}", key,
                               choice.data, choice.dataset, join(allowed, ", ")));
  }
  if (choice.tokens == 1) {
    reader.problem(
        reader.place("tokens"),
        "tokens = 1 leaves nothing to predict; give 2 or more, or 0 for the usual length");
  }
  return good;
}

bool fill(TableReader& reader, TrainingChoice& choice, const Json& values,
          const Catalogue& catalogue) {
  for (const DatasetEntry& entry : catalogue.datasets) {
    if (entry.name == choice.dataset) choice.data = entry.kind;
  }
  choice.items = values.value("items", choice.items);
  choice.subset_seed = values.value("subset_seed", choice.subset_seed);
  choice.max_tokens = values.value("max_tokens", choice.max_tokens);
  choice.samples = values.value("samples", choice.samples);
  choice.tokens = values.value("tokens", choice.tokens);
  return check_form(reader, choice, values);
}

/// All choices that the block's key (such as "calibration") gives.
template <typename Choice>
std::vector<std::optional<Choice>> read_choices(TableReader& reader, const std::string& key,
                                                const std::vector<ParamSpec>& specs,
                                                const Catalogue& catalogue) {
  auto table = reader.table(key, key + " of " + reader.what());
  std::vector<Axis> axes;
  if (table) {
    axes = read_axes(*table, specs);
    table->finish();
  }
  std::vector<std::optional<Choice>> choices;
  for (const Json& values : multiply(axes)) {
    Choice choice;
    choice.dataset = values.value("dataset", choice.dataset);
    choice.split = values.value("split", choice.split);
    if (!fill(table ? *table : reader, choice, values, catalogue)) continue;
    choices.emplace_back(std::move(choice));
  }
  check_splits(reader, reader.place(key), choices, catalogue);
  return choices;
}

using Trainings = std::vector<std::optional<TrainingChoice>>;

Trainings trainings_of(TableReader& reader, const MethodEntry& method, const Catalogue& catalogue) {
  if (!method.training.empty()) {
    return read_choices<TrainingChoice>(reader, "training", training_specs(catalogue, method),
                                        catalogue);
  }
  if (const toml::node* node = reader.node().get("training")) {
    reader.take("training");
    reader.problem(place_of(reader.file(), node->source()),
                   fmt::format("{} does not train; remove the key", reader.what()));
  }
  return {std::nullopt};
}

using Calibrations = std::vector<std::optional<CalibrationChoice>>;

/// `any`: whether one of the block's settings needs the data.
Calibrations calibrations_of(TableReader& reader, const MethodEntry& method, bool any,
                             const Catalogue& catalogue) {
  if (any) {
    return read_choices<CalibrationChoice>(reader, "calibration", calibration_specs(catalogue),
                                           catalogue);
  }
  if (const toml::node* node = reader.node().get("calibration")) {
    reader.take("calibration");
    const std::string when =
        method.needs_calibration ? " with " + any_text(method.calibration_unless) : "";
    reader.problem(
        place_of(reader.file(), node->source()),
        fmt::format("{} uses no calibration data{}; remove the key", reader.what(), when));
  }
  return {};
}

/// One setting's calibrations: each of the block's, or none where it does not look at them.
Calibrations calibrations_for(const Json& params, const MethodEntry& method,
                              const Calibrations& of_block) {
  if (method.needs_calibration_for(params)) return of_block;
  return {std::nullopt};
}

/// Every setting of the block by itself, without what is applied to its result.
std::vector<MethodChoice> settings_of(TableReader& reader, const MethodEntry& method,
                                      const Catalogue& catalogue) {
  const std::vector<Axis> axes = read_axes(reader, method.params);
  std::vector<Json> settings;
  for (const Json& given : multiply(axes)) settings.push_back(written_out(method.params, given));
  const bool any = std::any_of(settings.begin(), settings.end(), [&](const Json& params) {
    return method.needs_calibration_for(params);
  });
  const Calibrations calibrations = calibrations_of(reader, method, any, catalogue);
  const Trainings trainings = trainings_of(reader, method, catalogue);
  std::vector<MethodChoice> choices;
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
    for (MethodChoice& choice : read_method(reader, catalogue, true)) {
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
    for (const Json& given : multiply(axes)) {
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
