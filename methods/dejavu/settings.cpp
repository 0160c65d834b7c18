#include "methods/dejavu/settings.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>
#include <utility>

#include "harness/base/param_makers.h"
#include "harness/contextual/predictor_params.h"
#include "harness/contextual/routed_model.h"

namespace assay::dejavu {
namespace {

/// Layers back, and the block whose stream it is.
struct Source {
  std::int64_t back;
  RoutingSite site;
};
struct Sources {
  Source neurons, heads;
};

const std::map<std::string, Sources>& sources() {
  constexpr RoutingSite kAttention = RoutingSite::kHeads, kFfn = RoutingSite::kNeurons;
  static const std::map<std::string, Sources> table{
      {"latency_code", {{1, kFfn}, {1, kAttention}}},
      {"training_code", {{0, kFfn}, {1, kAttention}}},
      {"accuracy_code", {{0, kAttention}, {1, kAttention}}},
      {"paper_equations", {{1, kAttention}, {1, kAttention}}},
      {"paper_figure", {{0, kAttention}, {1, kFfn}}},
  };
  return table;
}

std::vector<ParamSpec> trace_params() {
  return {
      choice_param(
          "lookahead",
          {"latency_code", "training_code", "accuracy_code", "paper_equations", "paper_figure"},
          "Residual stream that predictors read: that of the released code for times (both "
          "from the layer before), or one of the others that code and paper have"),
      choice_param("ffn_labels", {"fired", "largest"},
                   "Neurons that a predictor is to name: those that a ReLU lets through, or those "
                   "with the largest values"),
      real_param("ffn_label_density", 0.1, {.min = 0, .max = 1, .min_open = true},
                 "Of ffn_labels = 'largest': part of a layer's neurons"),
      real_param("head_label_density", 0.3, {.min = 0, .max = 1, .min_open = true},
                 "Part of a layer's heads, those with the largest contexts, that a predictor is to "
                 "name"),
  };
}

std::vector<ParamSpec> training_params() {
  return {
      count_param("epochs", 20, 1, "epochs", "Passes over the traced tokens, at most"),
      count_param("batch", 1024, 1, "tokens", "Tokens of a training step"),
      real_param("ffn_learning_rate", 1e-3, {.min = 0, .min_open = true},
                 "Of the predictors of neurons"),
      real_param("head_learning_rate", 1e-4, {.min = 0, .min_open = true},
                 "Of the predictors of heads"),
      count_param("patience", 5, 0, "epochs",
                  "Epochs without a better held-out value before a training ends; 0: never"),
      choice_param("select_by", {"loss", "recall"},
                   "Held-out value that the best weights have; recall alone, as released, rewards "
                   "predicting too many"),
      choice_param("held_out", {"random", "last"},
                   "Tokens that are held out: any, or the last ones, as released"),
  };
}

std::vector<ParamSpec> choice_params() {
  return {
      choice_param("select", {"top", "threshold"},
                   "Units that run: as many as the densities say, or all whose predicted "
                   "probability reaches the threshold"),
      real_param("threshold", 0.5, {.min = 0, .max = 1}, "Of select = 'threshold'"),
      predictor_bits_param(),
  };
}

}  // namespace

StreamPlace predicted_from(const std::string& lookahead, RoutingSite site, std::int64_t layer) {
  const Sources& found = sources().at(lookahead);
  const Source& source = site == RoutingSite::kHeads ? found.heads : found.neurons;
  return {layer - source.back, source.site};
}

std::vector<ParamSpec> param_specs() {
  std::vector<ParamSpec> all = routing_params();
  const auto ranks = rank_params(kNeuronRank, kHeadRank);
  for (const auto& part : {choice_params(), trace_params(), ranks, training_params()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

DejaVuTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed) {
  const bool heads = site == RoutingSite::kHeads;
  DejaVuTraining settings = heads ? dejavu_head_training() : dejavu_neuron_training();
  settings.learning_rate = params.get_real(heads ? "head_learning_rate" : "ffn_learning_rate");
  settings.epochs = params.get_int("epochs");
  settings.batch = params.get_int("batch");
  settings.patience = params.get_int("patience");
  settings.select_by =
      params.get_text("select_by") == "recall" ? SelectBy::kRecall : SelectBy::kLoss;
  settings.split = params.get_text("held_out") == "last" ? SplitBy::kPosition : SplitBy::kRandom;
  settings.seed = seed;
  return settings;
}

}  // namespace assay::dejavu
