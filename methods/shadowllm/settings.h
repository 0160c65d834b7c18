#pragma once
// ShadowLLM's parameters.

#include <cstdint>
#include <vector>

#include "harness/base/params.h"
#include "harness/contextual/choice.h"
#include "harness/contextual/predictor_training.h"
#include "harness/model/step.h"

namespace assay::shadowllm {

std::vector<ParamSpec> param_specs();

/// "heads", "neurons": also the names of the two predictors.
const char* site_name(RoutingSite site);

/// As asked for, or the published 2048 where that fits the width.
std::int64_t rank_of(const Params& params, RoutingSite site, std::int64_t width);

ShadowTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed);

ChoiceStyle style_of(const Json& plan);

}  // namespace assay::shadowllm
