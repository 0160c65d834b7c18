#pragma once
// ShadowLLM's parameters.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/contextual/choice.h"
#include "harness/contextual/predictor_training.h"
#include "harness/model/model.h"
#include "harness/model/step.h"

namespace assay::shadowllm {

std::vector<ParamSpec> param_specs();

/// Of both predictors, as published.
inline constexpr std::int64_t kRank = 2048;

/// Of `trace_at`: predictors learn to read the last token before an answer.
inline constexpr const char* kPromptEnd = "prompt_end";

/// What predicts, and from what.
enum class PredictorKind {
  kSingle,       ///< one for all layers, from the first one's context
  kPerLayer,     ///< one a layer, from the context of the layer before
  kPerLayerOwn,  ///< one a layer, from its own context, for which all its heads are computed
};
/// Of `predictor`.
PredictorKind predictor_kind(const Params& params);
PredictorKind predictor_kind(const Json& plan);
/// Whose context predicts what `layer` runs.
std::int64_t layer_read(PredictorKind kind, std::int64_t layer);
/// In an artefact. kSingle: of whichever layer.
std::string predictor_name(PredictorKind kind, RoutingSite site, std::int64_t layer);

/// Heads or neurons of each layer; 0 where it has none.
std::vector<std::int64_t> units_of(const ModelSpec& spec, RoutingSite site);
/// Columns of each layer's context, likewise.
std::vector<std::int64_t> context_widths(const ModelSpec& spec);
/// Place of one layer's first element among those of all.
std::int64_t first_of(const std::vector<std::int64_t>& sizes, std::int64_t layer);

ShadowTraining training_settings(const Params& params, RoutingSite site, std::uint64_t seed);

ChoiceStyle style_of(const Json& plan);

}  // namespace assay::shadowllm
