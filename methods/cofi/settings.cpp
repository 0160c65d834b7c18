#include "methods/cofi/settings.h"

#include <cmath>

#include "harness/base/param_makers.h"
#include "harness/model/mixing_input.h"
#include "harness/train/training_params.h"

namespace assay::cofi {
namespace {

std::vector<ParamSpec> distillation_specs() {
  return {
      real_param("layer_weight", 0.9, {.min = 0},
                 "Weight of the distance between layers of the student and of the teacher"),
      real_param("label_weight", 0.1, {.min = 0},
                 "Weight of the divergence from the teacher's scores"),
      real_param("temperature", 2.0, {.min = 0, .min_open = true}, "Of those scores"),
      choice_param(
          "alignment", {"descending", "nearest", "same"},
          "Which layer learns from a teacher's: the nearest below the last match, from the "
          "top (version 4 as released), the nearest of all (3), or that of the same number "
          "(2)"),
      choice_param("freeze", {"all_embeddings", "all_but_word", "none"},
                   "What of the embeddings is not trained, in both stages: all (CoFi as released), "
                   "all but the table of words (PruMUX as released), or nothing"),
  };
}

std::vector<ParamSpec> prune_specs() {
  return joined_params(
      {{real_param("sparsity", 0.6, {.min = 0, .max = 1, .max_open = true},
                   "Share of the parameters of attention and FFN that goes"),
        real_param("sparsity_warmup", 0.1, {.min = 0, .max = 1},
                   "Share of the steps in which that target rises from 0"),
        flag_param("prune_width", true,
                   "Dimensions of the residual stream, which all layers share, have gates, too (as "
                   "released)"),
        real_param("gate_rate", 0.01, {.min = 0, .min_open = true},
                   "Learning rate of gates and of the multipliers that hold the target")},
       loop_params({.learning_rate = 2e-5,
                    .epochs = 20,
                    .batch = 32,
                    .schedules = {"constant", "linear", "cosine"},
                    .warmup = 0,
                    .weight_decay = 0})});
}

std::vector<ParamSpec> finetune_specs() {
  return {
      count_param("finetune_epochs", 1, 0, "", "Epochs of the extracted model; 0: none"),
      real_param("finetune_rate", 2e-5, {.min = 0, .min_open = true},
                 "Their highest learning rate, falling in a straight line"),
  };
}

Alignment alignment_named(const std::string& name) {
  if (name == "nearest") return Alignment::kNearest;
  return name == "same" ? Alignment::kSame : Alignment::kDescending;
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  return joined_params({prune_specs(), distillation_specs(), finetune_specs()});
}

std::vector<std::string> prune_params() {
  return param_names(joined_params({prune_specs(), distillation_specs()}));
}

std::vector<std::string> finetune_params() {
  return joined_names({param_names(finetune_specs()),
                       param_names(distillation_specs()),
                       {"batch", "max_steps", "weight_decay", "clip"}});
}

ParameterChoice trained_parameters(const Params& params) {
  const std::string freeze = params.get_text("freeze");
  return [freeze](const Parameter& parameter) {
    if (is_mixing_key(parameter)) return false;
    const bool embedding = parameter.id && slot_info(parameter.id->slot).owner == SlotOwner::kInput;
    if (!embedding || freeze == "none") return true;
    return freeze == "all_but_word" && parameter.id->slot == Slot::kEmbedding;
  };
}

DistillationSettings distillation_settings(const Params& params) {
  return {.layer_weight = params.get_real("layer_weight"),
          .label_weight = params.get_real("label_weight"),
          .temperature = params.get_real("temperature"),
          .alignment = alignment_named(params.get_text("alignment"))};
}

PruneSettings prune_settings(const Params& params, std::uint64_t seed, std::int64_t items) {
  PruneSettings settings{.target = {},
                         .prune_width = params.get_bool("prune_width"),
                         .gate_rate = params.get_real("gate_rate"),
                         .weight_decay = params.get_real("weight_decay"),
                         .loop = loop_settings(params, seed)};
  const auto steps = static_cast<double>(steps_of(settings.loop, items));
  settings.target = {.target = params.get_real("sparsity"),
                     .warmup = std::llround(params.get_real("sparsity_warmup") * steps)};
  return settings;
}

FinetuneSettings finetune_settings(const Params& params, std::uint64_t seed) {
  FinetuneSettings settings{.weight_decay = params.get_real("weight_decay"),
                            .loop = loop_settings(params, seed)};
  settings.loop.epochs = params.get_int("finetune_epochs");
  settings.loop.learning_rate = params.get_real("finetune_rate");
  settings.loop.schedule = Schedule::kLinear;
  return settings;
}

}  // namespace assay::cofi
