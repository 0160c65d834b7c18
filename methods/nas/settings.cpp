#include "methods/nas/settings.h"

#include <initializer_list>

#include "harness/base/param_makers.h"

namespace assay::nas {
namespace {

using subnetwork::Strategy;

ParamSpec list_param(const char* name, const char* help) {
  ParamSpec spec;
  spec.name = name;
  spec.type = ParamType::kIntList;
  spec.default_value = Json::array();
  spec.min = 1;
  spec.help = help;
  return spec;
}

std::vector<ParamSpec> sort_specs() {
  return {
      choice_param("sort", {"product", "gate", "none"},
                   "What of a neuron says how important it is: what down gets, what the activation "
                   "gets (as released), or nothing: units stay as they are"),
      choice_param("aggregate", {"mean", "norm"},
                   "What is made of a unit's values on the calibration text"),
      choice_param("order", {"per_layer", "global"},
                   "An order of units for each layer, or one that all share (as released)"),
      choice_param("layers_by", {"influence", "perplexity", "position"},
                   "Which layers stay first: those that turn their rows most, those without which "
                   "the calibration text is predicted worst, or the first ones"),
      choice_param("bi_accumulate", {"fp64", "bf16"},
                   "How the cosines of block influence are summed; bf16 as released, where the sum "
                   "stays at 256"),
  };
}

std::vector<ParamSpec> space_specs() {
  return {
      choice_param("space", {"small", "medium", "layer", "full_layer", "large"},
                   "What a network may leave out: one size for all layers, sizes of each layer, "
                   "whole layers, attention and FFN by themselves, or single units"),
      list_param("depths", "Numbers of layers, ascending (small); [] for all"),
      list_param("groups", "Key/value heads of a layer, ascending (small, medium); [] for all"),
      list_param("neurons", "Neurons of a layer, ascending (small, medium); [] for `steps` sizes"),
      list_param("widths", "Hidden widths, ascending (small, decoders); [] for the model's own"),
      count_param("steps", 8, 1, "", "Sizes of a layer's FFN, equally spaced"),
      choice_param("cost", {"parameters", "layer_parameters", "macs"},
                   "Size of a network as a share of the model's: all parameters, those of the "
                   "layers, or the multiplications of a sequence"),
      count_param("macs_tokens", 128, 1, "tokens", "Length of that sequence"),
  };
}

std::vector<ParamSpec> grid_specs() {
  return {
      count_param("grid_bins", 0, 0, "",
                  "Bins of size with one calibrated network each, which training draws; 0: it "
                  "draws from the whole space"),
      count_param("grid_candidates", 10, 1, "", "Networks that compete for a bin"),
      choice_param("grid_by", {"perplexity", "magnitude", "random"},
                   "Who wins a bin: the lowest perplexity on the calibration text, the largest sum "
                   "of weights (as released: the largest network), or the first"),
  };
}

std::vector<ParamSpec> training_specs() {
  return {
      choice_param("train", {"none", "lora", "all"},
                   "What of the super-network is trained before the search"),
      choice_param(
          "strategy", {"sandwich", "drawn", "random", "random_linear"},
          "Networks of a step: the full one, the smallest and drawn ones; the full one and "
          "drawn ones; drawn ones alone; these with a probability that rises from 0 to 1"),
      count_param("sub_networks", 2, 1, "", "Networks drawn in a step"),
      real_param("label_weight", 0.5, {.min = 0}, "Weight of the labels in a sub-network's loss"),
      real_param("distill_weight", 2.0, {.min = 0}, "Weight of the full network's scores in it"),
      real_param("temperature", 0.9, {.min = 0, .min_open = true}, "Of those scores"),
      real_param("learning_rate", 2e-4, {.min = 0}, "Highest learning rate"),
      count_param("epochs", 1, 1, "", "Times that every item or window is seen"),
      count_param("batch", 8, 1, "", "Items or windows a step, and a pass of the search"),
      count_param("max_steps", 0, 0, "", "End after so many steps; 0: all epochs"),
      choice_param("schedule", {"cosine", "linear", "constant"},
                   "How the learning rate falls after the warm-up"),
      real_param("warmup", 0.05, {.min = 0, .max = 1}, "Share of the steps in which it rises"),
      real_param("weight_decay", 0.0, {.min = 0}, "Of matrices and embeddings (AdamW)"),
      real_param("clip", 1.0, {.min = 0}, "Largest norm of all gradients; 0: any"),
      count_param("rank", 32, 1, "", "Rank of the LoRA matrices"),
      real_param("alpha", 16.0, {.min = 0}, "LoRA: the product is scaled by alpha / rank"),
      real_param("dev_share", 0.1, {.min = 0, .max = 1, .max_open = true, .min_open = true},
                 "Share of the items, or of the last windows, that nothing trains on and the "
                 "search judges by"),
  };
}

ParamSpec searcher_param() {
  std::vector<std::string> names = search::searcher_names();
  ParamSpec spec = choice_param("searcher", names, "Which networks are tried, and in which order");
  spec.default_value = "nsga2";
  return spec;
}

std::vector<ParamSpec> search_specs() {
  ParamSpec targets =
      list_param("search_targets", "evopress: sizes that it searches for, in percent");
  targets.default_value = {80, 60, 50};
  targets.max = 100;
  targets.unit = "%";
  return {
      searcher_param(),
      count_param("evaluations", 100, 1, "", "Networks that are judged"),
      choice_param("quality", {"loss", "error", "kl"},
                   "What a network is judged by: loss or errors on the held-out part, or its "
                   "divergence from the full network there"),
      real_param("reference_quality", 0.0, {.min = 0},
                 "Worst quality that the hypervolume counts; 0: that of a guess"),
      count_param("population", 10, 2, "", "nsga2, morea: networks that are alive"),
      count_param("sample", 5, 1, "", "morea: of these, from which a parent comes"),
      count_param("size_bins", 20, 1, "", "stratified: equal parts of the range of sizes"),
      count_param("offspring", 16, 1, "", "evopress: networks of a generation"),
      targets,
  };
}

void append(std::vector<ParamSpec>& all, std::vector<ParamSpec> more) {
  for (ParamSpec& spec : more) all.push_back(std::move(spec));
}

std::vector<std::string> names_of(const std::vector<ParamSpec>& specs) {
  std::vector<std::string> names;
  for (const ParamSpec& spec : specs) names.push_back(spec.name);
  return names;
}

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// Place of a value among a parameter's choices, as an enumeration in their order.
template <typename Enum>
Enum chosen(const Params& params, const char* name, std::initializer_list<const char*> choices) {
  const std::string value = params.get_text(name);
  int place = 0;
  for (const char* choice : choices) {
    if (value == choice) break;
    ++place;
  }
  return static_cast<Enum>(place);
}

bool is_head(const Parameter& parameter) {
  return parameter.id && (parameter.id->slot == Slot::kHead || parameter.id->slot == Slot::kPooler);
}

ParameterChoice trained_parameters(Trains what, bool decoder) {
  if (what == Trains::kAll) return {};
  if (decoder) return is_lora;
  return [](const Parameter& parameter) { return is_head(parameter) || is_lora(parameter); };
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  std::vector<ParamSpec> all = {
      real_param("target", 0.8, {.min = 0, .max = 1, .min_open = true},
                 "Size of the network that is picked, at most, as a share of the model's")};
  append(all, sort_specs());
  append(all, space_specs());
  append(all, grid_specs());
  append(all, training_specs());
  append(all, search_specs());
  return all;
}

std::vector<std::string> sort_params() { return joined({names_of(sort_specs()), {"widths"}}); }
std::vector<std::string> space_params() { return names_of(space_specs()); }
std::vector<std::string> grid_params() {
  return joined({names_of(grid_specs()), space_params(), {"train", "batch"}});
}
std::vector<std::string> training_params() {
  return joined({names_of(training_specs()), space_params(), {"grid_bins"}});
}
std::vector<std::string> search_params() {
  return joined({names_of(search_specs()), space_params(), {"train", "batch", "dev_share"}});
}
std::vector<std::string> pick_params() { return joined({{"target", "train"}, space_params()}); }

SortSettings sort_settings(const Params& params) {
  SortSettings settings;
  settings.sorts = params.get_text("sort") != "none";
  settings.width = !params.get_int_list("widths").empty();
  settings.importance.neurons =
      chosen<subnetwork::NeuronValue>(params, "sort", {"product", "gate"});
  settings.importance.aggregate =
      chosen<subnetwork::Aggregate>(params, "aggregate", {"mean", "norm"});
  settings.scope = chosen<subnetwork::OrderScope>(params, "order", {"per_layer", "global"});
  settings.layers_by =
      chosen<LayersBy>(params, "layers_by", {"influence", "perplexity", "position"});
  settings.influence_sum = chosen<subnetwork::CosineSum>(params, "bi_accumulate", {"fp64", "bf16"});
  return settings;
}

subnetwork::SpaceSettings space_settings(const Params& params) {
  return {.kind = chosen<subnetwork::SpaceKind>(
              params, "space", {"small", "medium", "layer", "full_layer", "large"}),
          .depths = params.get_int_list("depths"),
          .groups = params.get_int_list("groups"),
          .neurons = params.get_int_list("neurons"),
          .widths = params.get_int_list("widths"),
          .steps = params.get_int("steps"),
          .size = chosen<subnetwork::SizeMetric>(params, "cost",
                                                 {"parameters", "layer_parameters", "macs"}),
          .tokens = params.get_int("macs_tokens")};
}

GridSettings grid_settings(const Params& params) {
  return {.bins = params.get_int("grid_bins"),
          .candidates = params.get_int("grid_candidates"),
          .by = chosen<GridBy>(params, "grid_by", {"perplexity", "magnitude", "random"})};
}

Trains trains(const Params& params) {
  return chosen<Trains>(params, "train", {"none", "lora", "all"});
}

subnetwork::SuperTraining training_settings(const Params& params, std::uint64_t seed,
                                            bool decoder) {
  subnetwork::SuperTraining settings;
  TrainSettings& loop = settings.loop;
  loop.learning_rate = params.get_real("learning_rate");
  loop.epochs = params.get_int("epochs");
  loop.batch = params.get_int("batch");
  loop.max_steps = params.get_int("max_steps");
  loop.schedule = schedule_from_name(params.get_text("schedule")).value();
  loop.warmup = params.get_real("warmup");
  loop.clip = params.get_real("clip");
  loop.adamw.beta2 = 0.95;
  loop.seed = seed;
  settings.parameters.trains = trained_parameters(trains(params), decoder);
  settings.parameters.weight_decay = params.get_real("weight_decay");
  settings.strategy =
      chosen<Strategy>(params, "strategy", {"sandwich", "drawn", "random", "random_linear"});
  settings.sub_networks = params.get_int("sub_networks");
  settings.distillation = {.label_weight = params.get_real("label_weight"),
                           .distill_weight = params.get_real("distill_weight"),
                           .temperature = params.get_real("temperature")};
  return settings;
}

LoraSettings lora_settings(const Params& params, std::uint64_t seed) {
  return {.rank = params.get_int("rank"), .alpha = params.get_real("alpha"), .seed = seed};
}

subnetwork::QualityMetric quality_metric(const Params& params) {
  return chosen<subnetwork::QualityMetric>(params, "quality", {"loss", "error", "kl"});
}

search::SearcherSettings searcher_settings(const Params& params, std::uint64_t seed) {
  search::SearcherSettings settings;
  settings.seed = seed;
  settings.evaluations = params.get_int("evaluations");
  settings.population = params.get_int("population");
  settings.sample = params.get_int("sample");
  settings.bins = params.get_int("size_bins");
  settings.offspring = params.get_int("offspring");
  for (const std::int64_t percent : params.get_int_list("search_targets")) {
    settings.targets.push_back(static_cast<double>(percent) / 100);
  }
  return settings;
}

}  // namespace assay::nas
