#pragma once
// Sizes and work of the predictors of whole models, by formulas: for models that are too large to
// make them. Predictor::cost() counts those that exist.

#include <cstdint>

#include "harness/contextual/predictor.h"

namespace assay {

/// The model that is predicted for.
struct PredictedModel {
  std::int64_t layers = 0, width = 0, heads = 0, neurons = 0;  ///< heads and neurons of one layer
};

/// rank (inputs + outputs): both matrices, without biases.
std::int64_t predictor_weights(const PredictorForm& form);

/// DejaVu: layers (rank_neurons (width + neurons) + rank_heads (width + heads)). The released code
/// for times has ranks 1000 and 512, that for accuracy 1000 and 1000.
std::int64_t dejavu_weights(const PredictedModel& model, std::int64_t rank_neurons,
                            std::int64_t rank_heads);

/// ShadowLLM, one predictor for heads and one for neurons, both of this rank, for so many layers:
///   2 width rank + rank predicted_layers (heads + neurons)
/// The released code for times predicts all layers but the first, that for accuracy all.
std::int64_t shadowllm_weights(const PredictedModel& model, std::int64_t rank,
                               std::int64_t predicted_layers);

/// Multiply-adds of a token by the model of the ShadowLLM repository, which shares the first
/// layers of heads and neurons and takes the same rank for both methods:
///   DejaVu     layers (width rank + rank (heads + neurons))
///   ShadowLLM  width rank + rank layers (heads + neurons)
std::int64_t dejavu_multiplications(const PredictedModel& model, std::int64_t rank);
std::int64_t shadowllm_multiplications(const PredictedModel& model, std::int64_t rank);

}  // namespace assay
