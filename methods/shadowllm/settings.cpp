#include "methods/shadowllm/settings.h"

#include <numeric>
#include <string>
#include <utility>

#include "harness/base/param_makers.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/routed_model.h"
#include "harness/contextual/routing.h"

namespace assay::shadowllm {
namespace {

/// Those that a predictor can learn, the published one first.
std::vector<std::string> traced_criteria() {
  std::vector<std::string> names{"plainact"};
  for (const Criterion& criterion : criteria()) {
    const bool whole = criterion.traced && criterion.of_heads && criterion.of_neurons;
    if (whole && names.front() != criterion.name) names.emplace_back(criterion.name);
  }
  return names;
}

/// a: a head's context, z: a pre-activation, as criteria.h has them.
std::string criterion_help() {
  std::string help = "What a head or neuron is worth to a sequence, which the predictors learn";
  for (const std::string& name : traced_criteria()) {
    help += "; " + name + ": " + criterion_of(name).definition;
    if (help.back() == '.') help.pop_back();
  }
  return help;
}

std::vector<ParamSpec> learning_params() {
  return {
      choice_param("criterion", traced_criteria(), criterion_help()),
      choice_param("trace_at", {"sequence_end", kPromptEnd},
                   "Token of a traced sequence that predictors learn to read: its last, which of a "
                   "prompt with an answer is the answer's, as published; or the prompt's last, for "
                   "calibration by items"),
      choice_param("predictor", {"single", "per_layer", "per_layer_own"},
                   "One for all layers, from what the first one's heads give; or one a layer, as "
                   "in DejaVu, from the layer before, or from the layer itself as the released "
                   "baseline has it, whose heads are all computed for it"),
      choice_param("normalisation", {"layer", "all"},
                   "Scores that are learnt are relative to their own layer's, or to all layers'"),
      count_param("head_epochs", 100, 1, "epochs", "Passes over the samples, predictor of heads"),
      count_param("ffn_epochs", 20, 1, "epochs", "Passes over the samples, predictor of neurons"),
      real_param("learning_rate", 1e-3, {.min = 0, .min_open = true},
                 "Of both; falls to 0 along a cosine"),
  };
}

std::vector<ParamSpec> choice_params() {
  return {
      choice_param("prune_style", {"global", "local", "hybrid", "hybrid_compat"},
                   "The lowest of all layers go, of each layer, of all layers down to a floor, or "
                   "the last as released"),
      real_param("floor", 0.03125, {.min = 0, .max = 1},
                 "Of prune_style = 'hybrid': part of each layer that stays"),
      flag_param("ffn_mask", true,
                 "Leave out neurons; false is what the released evaluation does, which masks heads "
                 "alone"),
      choice_param("input_scaling", {"always", "training"},
                   "What predictors read is scaled to [0, 1] wherever they run, or in training "
                   "only, as the released per-layer baseline has it with masks of all layers"),
      predictor_bits_param(),
  };
}

PredictorKind kind_of(const std::string& name) {
  if (name == "single") return PredictorKind::kSingle;
  return name == "per_layer" ? PredictorKind::kPerLayer : PredictorKind::kPerLayerOwn;
}

}  // namespace

std::vector<ParamSpec> param_specs() {
  std::vector<ParamSpec> all = routing_params();
  const auto ranks = rank_params(kRank, kRank);
  for (const auto& part : {choice_params(), ranks, learning_params()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

PredictorKind predictor_kind(const Params& params) { return kind_of(params.get_text("predictor")); }

PredictorKind predictor_kind(const Json& plan) {
  return kind_of(plan.at("predictor").get<std::string>());
}

std::int64_t layer_read(PredictorKind kind, std::int64_t layer) {
  if (kind == PredictorKind::kSingle) return 0;
  return kind == PredictorKind::kPerLayer ? layer - 1 : layer;
}

std::string predictor_name(PredictorKind kind, RoutingSite site, std::int64_t layer) {
  if (kind == PredictorKind::kSingle) return std::string("layer.0.reader.") + site_name(site);
  return layer_predictor_name(layer, site);
}

std::vector<std::int64_t> units_of(const ModelSpec& spec, RoutingSite site) {
  std::vector<std::int64_t> units;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const LayerShape shape = spec.layer(i);
    if (site == RoutingSite::kHeads) units.push_back(shape.has_attention ? shape.heads : 0);
    if (site == RoutingSite::kNeurons) units.push_back(shape.has_ffn ? shape.ffn_width : 0);
  }
  return units;
}

std::vector<std::int64_t> context_widths(const ModelSpec& spec) {
  std::vector<std::int64_t> widths = units_of(spec, RoutingSite::kHeads);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] *= spec.layer(static_cast<std::int64_t>(i)).head_dim;
  }
  return widths;
}

std::int64_t first_of(const std::vector<std::int64_t>& sizes, std::int64_t layer) {
  return std::accumulate(sizes.begin(), sizes.begin() + layer, std::int64_t{0});
}

ShadowTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed) {
  const bool heads = site == RoutingSite::kHeads;
  ShadowTraining settings = heads ? shadow_head_training() : shadow_neuron_training();
  settings.epochs = params.get_int(heads ? "head_epochs" : "ffn_epochs");
  settings.learning_rate = params.get_real("learning_rate");
  settings.seed = seed;
  return settings;
}

ChoiceStyle style_of(const Json& plan) {
  const auto name = plan.at("prune_style").get<std::string>();
  if (name == "global") return ChoiceStyle::kGlobal;
  if (name == "local") return ChoiceStyle::kPerLayer;
  return name == "hybrid" ? ChoiceStyle::kHybrid : ChoiceStyle::kHybridCompat;
}

}  // namespace assay::shadowllm
