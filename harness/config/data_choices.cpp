#include "harness/config/data_choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/param_makers.h"
#include "harness/base/text.h"
#include "harness/config/axes.h"

namespace assay {
namespace {

std::vector<std::string> names_of_kinds(const Catalogue& catalogue,
                                        const std::set<std::string>& kinds) {
  std::vector<std::string> names;
  for (const DatasetEntry& entry : catalogue.datasets) {
    if (kinds.contains(entry.kind)) names.push_back(entry.name);
  }
  return names;
}

/// Of a data set; `otherwise` where the catalogue does not have it, which is said elsewhere.
std::string kind_of(const Catalogue& catalogue, const std::string& dataset,
                    const std::string& otherwise) {
  for (const DatasetEntry& entry : catalogue.datasets) {
    if (entry.name == dataset) return entry.kind;
  }
  return otherwise;
}

/// `dataset` among those of these kinds, and `split`.
std::vector<ParamSpec> data_specs(const Catalogue& catalogue, const std::set<std::string>& kinds,
                                  const std::string& dataset, const std::string& split) {
  ParamSpec of_dataset{.name = "dataset",
                       .type = ParamType::kChoice,
                       .default_value = dataset,
                       .help = "data set to draw from",
                       .unit = "",
                       .min = {},
                       .max = {},
                       .max_open = false,
                       .choices = names_of_kinds(catalogue, kinds)};
  ParamSpec of_split = of_dataset;
  of_split.name = "split";
  of_split.type = ParamType::kText;
  of_split.default_value = split;
  of_split.choices.clear();
  return {of_dataset, of_split};
}

std::vector<ParamSpec> calibration_specs(const Catalogue& catalogue) {
  const CalibrationChoice standard;
  // One of a kind that the method does not take is refused by its kind.
  std::vector<ParamSpec> specs = data_specs(catalogue, {kTextData, kItemsData, kLabelledData},
                                            standard.dataset, standard.split);
  specs.push_back(count_param("samples", standard.samples, 1, "", "number of samples"));
  specs.push_back(count_param("tokens", standard.tokens, 0, "",
                              "length of a sample, of items at most; 0: the smaller of 2048 and "
                              "the model's positions"));
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

/// What is wrong with calibrating on the data set; "" for nothing.
std::string calibration_problem(const CalibrationChoice& choice, const MethodEntry& method,
                                const Catalogue& catalogue) {
  const std::vector<std::string> kinds = method.calibration_kinds();
  if (std::ranges::count(kinds, choice.data) == 0) {
    return fmt::format(
        "data set '{}' is of kind {}, and method '{}' calibrates on {}; name one of {}",
        choice.dataset, choice.data, method.name, join(kinds, " or "),
        join(names_of_kinds(catalogue, {kinds.begin(), kinds.end()}), ", "));
  }
  try {
    if (choice.on_items()) (void)catalogue.task_of(choice.dataset);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// False after a problem, as the next one is.
bool fill(TableReader& reader, CalibrationChoice& choice, const Json& values,
          const MethodEntry& method, const Catalogue& catalogue) {
  choice.data = kind_of(catalogue, choice.dataset, choice.data);
  choice.samples = values.value("samples", choice.samples);
  choice.tokens = values.value("tokens", choice.tokens);
  const std::string problem = calibration_problem(choice, method, catalogue);
  if (!problem.empty()) reader.problem(reader.place("dataset"), problem);
  return problem.empty();
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
          const MethodEntry& /*method*/, const Catalogue& catalogue) {
  choice.data = kind_of(catalogue, choice.dataset, choice.data);
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
                                                const MethodEntry& method,
                                                const Catalogue& catalogue) {
  auto table = reader.table(key, key + " of " + reader.what());
  std::vector<Axis> axes;
  if (table) {
    axes = read_axes(*table, specs);
    table->finish();
  }
  std::vector<std::optional<Choice>> choices;
  for (const Json& values : multiply(table ? *table : reader, axes)) {
    Choice choice;
    choice.dataset = values.value("dataset", choice.dataset);
    choice.split = values.value("split", choice.split);
    if (!fill(table ? *table : reader, choice, values, method, catalogue)) continue;
    choices.emplace_back(std::move(choice));
  }
  check_splits(reader, reader.place(key), choices, catalogue);
  return choices;
}

}  // namespace

Trainings trainings_of(TableReader& reader, const MethodEntry& method, const Catalogue& catalogue) {
  if (!method.training.empty()) {
    return read_choices<TrainingChoice>(reader, "training", training_specs(catalogue, method),
                                        method, catalogue);
  }
  if (const toml::node* node = reader.node().get("training")) {
    reader.take("training");
    reader.problem(place_of(reader.file(), node->source()),
                   fmt::format("{} does not train; remove the key", reader.what()));
  }
  return {std::nullopt};
}

Calibrations calibrations_of(TableReader& reader, const MethodEntry& method, bool any,
                             const Catalogue& catalogue) {
  if (any) {
    return read_choices<CalibrationChoice>(reader, "calibration", calibration_specs(catalogue),
                                           method, catalogue);
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

}  // namespace assay
