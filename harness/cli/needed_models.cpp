#include "harness/cli/needed_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/cli/listing.h"
#include "harness/runner/hub_models.h"
#include "harness/runner/model_finder.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

std::int64_t said_size(const std::string& id, const Catalogue& catalogue) {
  for (const ModelEntry& entry : catalogue.models) {
    if (entry.name == id) return entry.bytes;
  }
  return 0;
}

void set_declared_size(NeededModel& model, const Catalogue& catalogue) {
  const std::int64_t said = said_size(model.id, catalogue);
  if (!model.shape && !model.bytes && said > 0) model.bytes = said;
}

/// Without the tools nobody asks the Hub; the experiment's needs can be said all the same.
std::vector<HubSize> sizes_or_problems(const std::vector<HubName>& names,
                                       const std::stop_token& stop) {
  try {
    return hub_sizes(names, stop);
  } catch (const MachineError& error) {
    return std::vector<HubSize>(names.size(), HubSize{std::nullopt, error.what()});
  }
}

bool asks_hub(const NeededModel& model) { return model.hub && !model.shape; }

void ask_the_hub(std::vector<NeededModel>& models, const Catalogue& catalogue,
                 const std::stop_token& stop) {
  std::vector<HubName> names;
  for (const NeededModel& model : models) {
    if (asks_hub(model)) names.push_back(*hub_name_of(model.id, catalogue));
  }
  const std::vector<HubSize> sizes = sizes_or_problems(names, stop);
  auto size = sizes.begin();
  for (NeededModel& model : models) {
    if (!asks_hub(model)) continue;
    model.bytes = size->bytes;
    model.problem = size->problem;
    ++size;
  }
}

NeededModel absent_model(const ModelChoice& choice, Absent absent, const Catalogue& catalogue) {
  NeededModel model;
  model.id = choice.id;
  model.hub = absent == Absent::kHub;
  model.shape = model.hub && choice.random_weights;
  model.command = model.hub ? command_that_gets(*hub_name_of(choice.id, catalogue), !model.shape)
                            : "assay model import " + choice.id;
  return model;
}

/// Throws UserError with the places of all names that nobody knows, as planning does.
std::vector<NeededModel> absent_models(const Experiment& experiment, const Catalogue& catalogue) {
  std::vector<NeededModel> models;
  std::vector<std::string> problems;
  for (const ModelChoice& choice : experiment.models) {
    try {
      const auto absent = look_for_model(choice.id, catalogue, !choice.random_weights).absent;
      if (!absent || *absent == Absent::kShape) continue;
      NeededModel model = absent_model(choice, *absent, catalogue);
      // "hf:ORG/NAME" and a short name of the same are one download.
      const auto same = [&](const NeededModel& other) { return other.command == model.command; };
      if (std::ranges::none_of(models, same)) models.push_back(std::move(model));
    } catch (const UserError& error) {
      problems.push_back(fmt::format("{}: {}", choice.place.text(), error.what()));
    }
  }
  if (!problems.empty()) throw UserError(problems);
  return models;
}

std::string size_text(const NeededModel& model) {
  if (model.shape) return "some MB";
  if (!model.bytes) return "not known";
  return (model.problem.empty() ? "" : "some ") + decimal_bytes(*model.bytes);
}

std::string place_of(const FoundModel& found, const std::string& id, const Catalogue& catalogue) {
  if (!found.absent) return found.folder.string();
  switch (*found.absent) {
    case Absent::kHub:
      return "not here";
    case Absent::kShape:
      return "a shape, made when it is needed";
    case Absent::kImport:
      break;
  }
  const std::int64_t bytes = said_size(id, catalogue);
  return "not here, downloaded now" + (bytes > 0 ? fmt::format(" ({})", decimal_bytes(bytes)) : "");
}

/// "2 models, 26.8 GB to download; 55.2 GB are free in /home/me/.cache/huggingface/hub"
std::string sum_text(const std::vector<NeededModel>& models) {
  std::int64_t sum = 0;
  bool all = true;
  for (const NeededModel& model : models) {
    sum += model.bytes.value_or(0);
    all = all && (model.bytes || model.shape);
  }
  std::string text =
      fmt::format("{} model{}, {}{} to download", models.size(), models.size() == 1 ? "" : "s",
                  all ? "" : "at least ", decimal_bytes(sum));
  fs::path place =
      fs::absolute(std::ranges::any_of(models, &NeededModel::hub) ? hub_cache() : assay_home());
  const std::string shown = place.string();
  std::error_code error;
  while (!fs::exists(place, error) && place.has_parent_path()) place = place.parent_path();
  const fs::space_info space = fs::space(place, error);
  if (error) return text + "\n";
  return text + fmt::format("; {} are free in {}\n",
                            decimal_bytes(static_cast<std::int64_t>(space.available)), shown);
}

}  // namespace

std::vector<NeededModel> needed_models(const Experiment& experiment, const Catalogue& catalogue,
                                       const std::stop_token& stop) {
  std::vector<NeededModel> models = absent_models(experiment, catalogue);
  ask_the_hub(models, catalogue, stop);
  for (NeededModel& model : models) set_declared_size(model, catalogue);
  return models;
}

std::string needed_models_text(const std::vector<NeededModel>& models, int width) {
  std::vector<std::vector<std::string>> lines;
  for (const NeededModel& model : models) {
    lines.push_back({model.id, size_text(model), model.command});
  }
  std::string text = listing({"not here", "size", "get it with"}, lines, width) + sum_text(models);
  std::set<std::string> problems;
  for (const NeededModel& model : models) {
    if (!model.problem.empty() && problems.insert(model.problem).second) {
      text += model.problem + "\n";
    }
  }
  return text;
}

Json needed_models_json(const std::vector<NeededModel>& models) {
  Json list = Json::array();
  for (const NeededModel& model : models) {
    list.push_back({{"model", model.id},
                    {"bytes", model.bytes ? Json(*model.bytes) : Json()},
                    {"command", model.command},
                    {"problem", model.problem}});
  }
  return list;
}

std::string model_places_text(const Experiment& experiment, const Catalogue& catalogue) {
  std::string text;
  for (const ModelChoice& choice : experiment.models) {
    const FoundModel found = look_for_model(choice.id, catalogue, !choice.random_weights);
    text += fmt::format("model {}: {}\n", choice.id, place_of(found, choice.id, catalogue));
  }
  return text;
}

void require_hub_models(const Experiment& experiment, const Catalogue& catalogue,
                        const std::stop_token& stop) {
  std::vector<NeededModel> missing = absent_models(experiment, catalogue);
  std::erase_if(missing, [](const NeededModel& model) { return !model.hub; });
  if (missing.empty()) return;
  ask_the_hub(missing, catalogue, stop);
  std::vector<std::string> texts;
  for (NeededModel& model : missing) {
    set_declared_size(model, catalogue);
    const std::string size = model.bytes ? fmt::format(" ({})", size_text(model)) : "";
    texts.push_back(
        fmt::format("model '{}' is not here{}; get it with: {}", model.id, size, model.command));
  }
  throw MachineError(join(texts, "\n"));
}

}  // namespace assay
