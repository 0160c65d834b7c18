#include "methods/nas/settings.h"

#include <initializer_list>
#include <stdexcept>
#include <utility>

#include "harness/base/param_makers.h"
#include "harness/train/training_params.h"

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
      list_param("widths", "Hidden widths, ascending (small); [] for the model's own"),
      count_param("steps", 8, 1, "", "Sizes of a layer's FFN, equally spaced"),
      choice_param("cost", {"parameters", "layer_parameters", "macs", "latency"},
                   "Size of a network as a share of the model's: all parameters, those of the "
                   "layers, the multiplications of a sequence, or the time that it takes here"),
      count_param("macs_tokens", 128, 1, "tokens", "Length of that sequence"),
  };
}

std::vector<ParamSpec> latency_specs() {
  return {
      choice_param("latency_of", {"pass", "decode"},
                   "cost = 'latency': what is timed: whole sequences (of a decoder: into an empty "
                   "cache, with the scores of the last position), or one more token behind them"),
      count_param("latency_batch", 1, 1, "sequences", "Sequences of what is timed"),
      count_param("latency_tokens", 128, 1, "tokens", "Tokens of each of them"),
      count_param("latency_networks", 12, 2, "",
                  "Networks that are timed for a model of the time of all others"),
      choice_param("latency_by", {"model", "clock"},
                   "Where a search has the time of a network from: that model, or the clock, for "
                   "each that it judges. The front is timed in any case"),
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

std::vector<ParamSpec> strategy_specs() {
  return {
      choice_param("trains", {"none", "lora", "all"},
                   "What of the super-network is trained before the search"),
      choice_param(
          "strategy", {"sandwich", "drawn", "random", "random_linear"},
          "Networks of a step: the full one, the smallest and drawn ones; the full one and "
          "drawn ones; drawn ones alone; these with a probability that rises from 0 to 1"),
      count_param("sub_networks", 2, 1, "", "Networks drawn in a step"),
      real_param("label_weight", 0.5, {.min = 0}, "Weight of the labels in a sub-network's loss"),
      real_param("distill_weight", 2.0, {.min = 0}, "Weight of the full network's scores in it"),
      real_param("temperature", 0.9, {.min = 0, .min_open = true}, "Of those scores"),
  };
}

std::vector<ParamSpec> training_specs() {
  return joined_params(
      {strategy_specs(),
       loop_params({.learning_rate = 2e-4,
                    .epochs = 1,
                    .batch = 8,
                    .schedules = {"cosine", "linear", "constant"},
                    .warmup = 0.05,
                    .weight_decay = 0}),
       lora_params(32),
       {flag_param("dropout", true, "Drop while training as the model's config says"),
        real_param("dev_share", 0.1, {.min = 0, .max = 1, .max_open = true, .min_open = true},
                   "Share of the items, or of the last windows, that nothing trains on and the "
                   "search judges by")}});
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

/// The value that a choice stands for.
template <typename Value>
using Meanings = std::initializer_list<std::pair<const char*, Value>>;
template <typename Value>
Value meaning_of(const Params& params, const char* name, Meanings<Value> meanings) {
  const std::string choice = params.get_text(name);
  for (const auto& [word, value] : meanings) {
    if (choice == word) return value;
  }
  throw std::logic_error(std::string("no meaning for ") + name + " = " + choice);
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  return joined_params(
      {{real_param("target", kUsualTarget, {.min = 0, .max = 1, .min_open = true},
                   "Size of the network that is picked, at most, as a share of the model's"),
        count_param("front_point", 0, 0, "",
                    "Picks this network of the front instead, counted from 1 by ascending size")},
       sort_specs(),
       space_specs(),
       latency_specs(),
       grid_specs(),
       training_specs(),
       search_specs()});
}

std::vector<std::string> sort_params() {
  return joined_names({param_names(sort_specs()), {"widths"}});
}
std::vector<std::string> space_params() { return param_names(space_specs()); }
std::vector<std::string> grid_params() {
  return joined_names({param_names(grid_specs()), space_params(), {"trains", "batch"}});
}
std::vector<std::string> training_params() {
  return joined_names({param_names(training_specs()), space_params(), {"grid_bins"}});
}
std::vector<std::string> latency_params() {
  return joined_names({param_names(latency_specs()), space_params()});
}
std::vector<std::string> search_params() {
  return joined_names(
      {param_names(search_specs()), latency_params(), {"trains", "batch", "dev_share"}});
}
std::vector<std::string> pick_params() {
  return joined_names({{"target", "front_point", "trains"}, space_params()});
}

SortSettings sort_settings(const Params& params) {
  using namespace subnetwork;
  SortSettings settings;
  settings.sorts = params.get_text("sort") != "none";
  settings.width = !params.get_int_list("widths").empty();
  settings.importance.neurons = meaning_of<NeuronValue>(
      params, "sort",
      {{"product", NeuronValue::kProduct}, {"gate", NeuronValue::kGate}, {"none", {}}});
  settings.importance.aggregate = meaning_of<Aggregate>(
      params, "aggregate", {{"mean", Aggregate::kMean}, {"norm", Aggregate::kNorm}});
  settings.scope = meaning_of<OrderScope>(
      params, "order", {{"per_layer", OrderScope::kPerLayer}, {"global", OrderScope::kGlobal}});
  settings.layers_by = meaning_of<LayersBy>(params, "layers_by",
                                            {{"influence", LayersBy::kInfluence},
                                             {"perplexity", LayersBy::kPerplexity},
                                             {"position", LayersBy::kPosition}});
  settings.influence_sum = meaning_of<CosineSum>(
      params, "bi_accumulate", {{"fp64", CosineSum::kDouble}, {"bf16", CosineSum::kBFloat16}});
  return settings;
}

subnetwork::SpaceSettings space_settings(const Params& params) {
  using namespace subnetwork;
  return {.kind = meaning_of<SpaceKind>(params, "space",
                                        {{"small", SpaceKind::kSmall},
                                         {"medium", SpaceKind::kMedium},
                                         {"layer", SpaceKind::kLayer},
                                         {"full_layer", SpaceKind::kFullLayer},
                                         {"large", SpaceKind::kLarge}}),
          .depths = params.get_int_list("depths"),
          .groups = params.get_int_list("groups"),
          .neurons = params.get_int_list("neurons"),
          .widths = params.get_int_list("widths"),
          .steps = params.get_int("steps"),
          .size = meaning_of<SizeMetric>(params, "cost",
                                         {{"parameters", SizeMetric::kParameters},
                                          {"layer_parameters", SizeMetric::kLayerParameters},
                                          {"macs", SizeMetric::kMacs},
                                          {"latency", SizeMetric::kParameters}}),
          .tokens = params.get_int("macs_tokens")};
}

subnetwork::SpaceSettings searched_space_settings(const Params& params,
                                                  const subnetwork::LatencyModel& latency) {
  subnetwork::SpaceSettings settings = space_settings(params);
  if (!by_latency(params)) return settings;
  settings.size = subnetwork::SizeMetric::kLatency;
  settings.latency = latency;
  return settings;
}

bool by_latency(const Params& params) { return params.get_text("cost") == "latency"; }

bool by_clock(const Params& params) {
  return by_latency(params) && params.get_text("latency_by") == "clock";
}

subnetwork::LatencyWork latency_work(const Params& params) {
  using subnetwork::TimedWork;
  return {.of = meaning_of<TimedWork>(params, "latency_of",
                                      {{"pass", TimedWork::kPass}, {"decode", TimedWork::kDecode}}),
          .batch = params.get_int("latency_batch"),
          .tokens = params.get_int("latency_tokens")};
}

GridSettings grid_settings(const Params& params) {
  return {.bins = params.get_int("grid_bins"),
          .candidates = params.get_int("grid_candidates"),
          .by = meaning_of<GridBy>(params, "grid_by",
                                   {{"perplexity", GridBy::kPerplexity},
                                    {"magnitude", GridBy::kMagnitude},
                                    {"random", GridBy::kRandom}})};
}

Trains trains(const Params& params) {
  return meaning_of<Trains>(
      params, "trains", {{"none", Trains::kNone}, {"lora", Trains::kLora}, {"all", Trains::kAll}});
}

subnetwork::SuperTraining training_settings(const Params& params, std::uint64_t seed,
                                            bool decoder) {
  constexpr double kBeta2 = 0.95;  // of the released code for decoders
  subnetwork::SuperTraining settings;
  settings.loop = loop_settings(params, seed);
  settings.loop.adamw.beta2 = kBeta2;
  if (trains(params) == Trains::kLora) settings.parameters.trains = lora_choice(decoder);
  settings.parameters.weight_decay = params.get_real("weight_decay");
  settings.parameters.dropout = params.get_bool("dropout");
  settings.strategy = meaning_of<Strategy>(params, "strategy",
                                           {{"sandwich", Strategy::kSandwich},
                                            {"drawn", Strategy::kDrawn},
                                            {"random", Strategy::kRandom},
                                            {"random_linear", Strategy::kRandomLinear}});
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
  using subnetwork::QualityMetric;
  return meaning_of<QualityMetric>(params, "quality",
                                   {{"loss", QualityMetric::kLoss},
                                    {"error", QualityMetric::kError},
                                    {"kl", QualityMetric::kKl}});
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
