#include "methods/mux/settings.h"

#include <algorithm>

#include "harness/base/param_makers.h"
#include "harness/train/training_params.h"

namespace assay::mux_method {
namespace {

std::vector<ParamSpec> shape_specs() {
  return {
      count_param("instances", 2, 1, "sequences", "Sequences that run through the layers as one"),
      choice_param("multiplexer", {"gaussian", "orthogonal", "binary", "contextual"},
                   "What tells instances apart when they are mixed: keys drawn from a normal "
                   "distribution (as released), drawn orthogonal matrices, parts of the width, or "
                   "drawn keys between a layer along each sequence and one across instances"),
      real_param("key_norm", 20.0, {.min = 0, .min_open = true},
                 "gaussian, contextual: length of a key; released: 20 in the warm-up of DataMUX, 1 "
                 "elsewhere"),
      choice_param("demultiplexer", {"index", "mlp", "prefix"},
                   "What tells them apart behind the last layer: a learnt key beside the mixed row "
                   "(as released in PruMUX), a network of each instance's own, or beside the mixed "
                   "row what the layers made of a mark in front of each instance"),
      count_param("demux_linears", 3, 2, "", "index: linear layers of the demultiplexer"),
      flag_param("places_twice", true,
                 "Mixed rows get positions, token type and norm once more, as released"),
      count_param("length", 0, 0, "tokens",
                  "Sequences are padded to this, at least; 0: to the longest of a batch"),
  };
}

std::vector<ParamSpec> warm_up_specs() {
  return {
      count_param("retrieval_steps", 1000, 0, "steps",
                  "Steps of the warm-up, which retrieves tokens of the calibration text; 0: none"),
      count_param("retrieval_batch", 16, 1, "groups", "Groups of sequences of such a step"),
      real_param("retrieval_rate", 5e-4, {.min = 0, .min_open = true}, "Its highest learning rate"),
      real_param("retrieval_share", 0.25, {.min = 0, .max = 1, .min_open = true},
                 "Share of the positions that are asked about"),
  };
}

std::vector<ParamSpec> task_specs() {
  return joined_params(
      {{flag_param("ensemble", false,
                   "Each text is scored in N groups, in another place of each, and the scores are "
                   "their mean: N times the work"),
        real_param("retrieval_weight", 0.1, {.min = 0, .max = 1, .max_open = true},
                   "Weight of retrieval beside the labels while the task is learnt; the labels "
                   "have the rest")},
       loop_params({.learning_rate = 5e-5,
                    .epochs = 3,
                    .batch = 32,
                    .schedules = {"linear", "cosine", "constant"},
                    .warmup = 0.1,
                    .weight_decay = 0.01}),
       {flag_param("dropout", true, "Drop while the task is learnt, as the model's config says"),
        real_param("dev_share", 0.0, {.min = 0, .max = 1, .max_open = true},
                   "Share of the items that is held out; the weights that were best on it are "
                   "kept")}});
}

Keys keys_named(const std::string& name) {
  if (name == "orthogonal") return Keys::kOrthogonal;
  if (name == "contextual") return Keys::kContextual;
  return name == "binary" ? Keys::kBinary : Keys::kGaussian;
}

Demux demux_named(const std::string& name) {
  if (name == "prefix") return Demux::kPrefix;
  return name == "mlp" ? Demux::kMlp : Demux::kIndex;
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  return joined_params({shape_specs(), warm_up_specs(), task_specs()});
}

std::vector<std::string> warm_up_params() {
  return param_names(joined_params({shape_specs(), warm_up_specs()}));
}
std::vector<std::string> task_params() {
  return joined_names({param_names(shape_specs()), param_names(task_specs()), {"retrieval_share"}});
}

MuxShape mux_shape(const Params& params) {
  return {.instances = params.get_int("instances"),
          .keys = keys_named(params.get_text("multiplexer")),
          .key_norm = params.get_real("key_norm"),
          .demux = demux_named(params.get_text("demultiplexer")),
          .demux_linears = params.get_int("demux_linears"),
          .places_twice = params.get_bool("places_twice"),
          .length = params.get_int("length")};
}

WarmUp warm_up_settings(const Params& params, std::uint64_t seed, std::int64_t sequences) {
  WarmUp settings{.steps = params.get_int("retrieval_steps"),
                  .share = params.get_real("retrieval_share"),
                  .loop = {}};
  TrainSettings& loop = settings.loop;
  loop.seed = seed;
  loop.batch = params.get_int("retrieval_batch") * params.get_int("instances");
  loop.learning_rate = params.get_real("retrieval_rate");
  loop.max_steps = settings.steps;
  const std::int64_t of_epoch = std::max<std::int64_t>(1, steps_an_epoch(loop, sequences));
  loop.epochs = (settings.steps + of_epoch - 1) / of_epoch;
  return settings;
}

Task task_settings(const Params& params, std::uint64_t seed) {
  return {.retrieval_weight = params.get_real("retrieval_weight"),
          .share = params.get_real("retrieval_share"),
          .dev_share = params.get_real("dev_share"),
          .weight_decay = params.get_real("weight_decay"),
          .dropout = params.get_bool("dropout"),
          .loop = loop_settings(params, seed)};
}

}  // namespace assay::mux_method
