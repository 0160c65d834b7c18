#include "methods/revmux/settings.h"

#include <fmt/format.h>

#include "harness/base/param_makers.h"
#include "harness/train/training_params.h"

namespace assay::revmux {
namespace {

constexpr std::int64_t kHalf = -1;  ///< of the layers

std::vector<ParamSpec> shape_specs() {
  return {
      count_param("instances", 2, 1, "sequences", "Sequences that run through the layers as one"),
      count_param("prefill_layers", kHalf, kHalf, "layers",
                  "The first so many run sequence by sequence; -1: half of them"),
      flag_param("places_twice", true,
                 "Mixed rows get positions, token type and norm once more, as released"),
  };
}

std::vector<ParamSpec> loss_specs() {
  return {
      real_param("contrast_weight", 0.25, {.min = 0},
                 "Weight of InfoNCE between what is told apart and what the whole model gives for "
                 "the same sequence; the labels have 1"),
      real_param("temperature", 0.05, {.min = 0, .min_open = true},
                 "InfoNCE: cosines are divided by it"),
      real_param("cosine_weight", 1.0, {.min = 0},
                 "Weight of how alike the instances of a group are when they are mixed"),
  };
}

std::vector<ParamSpec> training_specs() {
  return joined_params(
      {{flag_param("tune_head", false, "Train pooler and classifier too; a fresh one always is"),
        flag_param("tune_backbone", false, "Train embeddings and layers too")},
       loop_params({.learning_rate = 2e-5,
                    .epochs = 50,
                    .batch = 32,
                    .schedules = {"constant", "linear", "cosine"},
                    .warmup = 0,
                    .weight_decay = 0.01}),
       {flag_param("dropout", true, "Drop while training as the model's config says"),
        real_param("dev_share", 0.0, {.min = 0, .max = 1, .max_open = true},
                   "Share of the items that is held out; the weights that were best on it are "
                   "kept")}});
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  return joined_params({shape_specs(), loss_specs(), training_specs()});
}

RevShape rev_shape(const Params& params, std::int64_t layers) {
  const std::int64_t wanted = params.get_int("prefill_layers");
  return {.instances = params.get_int("instances"),
          .prefill_layers = wanted == kHalf ? layers / 2 : wanted,
          .places_twice = params.get_bool("places_twice")};
}

Settings settings_from(const Params& params, std::uint64_t seed) {
  return {.contrast_weight = params.get_real("contrast_weight"),
          .temperature = params.get_real("temperature"),
          .cosine_weight = params.get_real("cosine_weight"),
          .dev_share = params.get_real("dev_share"),
          .tune_head = params.get_bool("tune_head"),
          .tune_backbone = params.get_bool("tune_backbone"),
          .parameters = {.weight_decay = params.get_real("weight_decay"),
                         .dropout = params.get_bool("dropout")},
          .loop = loop_settings(params, seed)};
}

std::vector<std::string> unmet_shape(const ModelSpec& spec, const Params& params) {
  const RevShape shape = rev_shape(params, spec.layers);
  std::vector<std::string> problems;
  if (spec.width % shape.instances != 0) {
    problems.push_back(fmt::format(
        "instances = {}: each has an equal part of the width, and {} is no multiple of it",
        shape.instances, spec.width));
  }
  if (shape.prefill_layers >= spec.layers) {
    problems.push_back(
        fmt::format("prefill_layers = {}, and the model has {} layers, one of which at least has "
                    "to run for whole groups; lower it",
                    shape.prefill_layers, spec.layers));
  }
  if (spec.pre_norm && !spec.causal) {
    problems.emplace_back(
        "layers whose norms stand in front of their blocks are not run sequence by sequence here; "
        "take an encoder whose norms stand behind the residuals, as BERT's");
  }
  return problems;
}

}  // namespace assay::revmux
