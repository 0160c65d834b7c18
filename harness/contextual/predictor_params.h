#pragma once
// Parameters that methods with predictors have in common.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/model/step.h"

namespace assay {

/// `ffn_rank` and `head_rank`; 0 means the published one, or the width where that is less.
std::vector<ParamSpec> rank_params(std::int64_t published_neurons, std::int64_t published_heads);
/// As asked for, or `published`, at most `width`.
std::int64_t rank_of(const Params& params, RoutingSite site, std::int64_t published,
                     std::int64_t width);

/// Of a layer's own predictor in an artefact: "layer.3.heads".
std::string layer_predictor_name(std::int64_t layer, RoutingSite site);
/// Of its training, from the fit's seed.
std::uint64_t layer_predictor_seed(std::uint64_t seed, std::int64_t layer, RoutingSite site);

/// `predictor_bits`: what a predictor is stored in when it runs.
ParamSpec predictor_bits_param();

/// What is wrong with these parameters: ranks above the `width` of what predictors read, bits that
/// no storage has.
std::vector<std::string> predictor_problems(const Params& params, std::int64_t width);

}  // namespace assay
