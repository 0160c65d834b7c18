#pragma once
// The parameters of revmux.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/checkpoint/spec.h"
#include "harness/train/train_settings.h"
#include "harness/train/trained_model.h"

namespace assay::revmux {

std::vector<ParamSpec> settings_params();

/// What a multiplexed model is made of, beside its encoder.
struct RevShape {
  std::int64_t instances = 2;
  std::int64_t prefill_layers = 0;  ///< the first so many, which run sequence by sequence
  bool places_twice = true;
};
/// Of a model with so many layers.
RevShape rev_shape(const Params& params, std::int64_t layers);

struct Settings {
  double contrast_weight = 0.25;
  double temperature = 0.05;
  double cosine_weight = 1;
  double dev_share = 0;
  bool tune_head = false;
  bool tune_backbone = false;
  ParameterSettings parameters;  ///< `trains` is for whoever knows whether the head is a fresh one
  TrainSettings loop;
};
Settings settings_from(const Params& params, std::uint64_t seed);

/// What these parameters ask for that such a model cannot do, and what to do; empty: nothing.
std::vector<std::string> unmet_shape(const ModelSpec& spec, const Params& params);

}  // namespace assay::revmux
