#include "methods/shadowllm/settings.h"

#include <string>
#include <utility>

#include "harness/base/param_makers.h"
#include "harness/contextual/criteria.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/routed_model.h"

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
      predictor_bits_param(),
  };
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
