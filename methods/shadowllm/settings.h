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

/// Of both predictors, as published.
inline constexpr std::int64_t kRank = 2048;

ShadowTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed);

ChoiceStyle style_of(const Json& plan);

}  // namespace assay::shadowllm
