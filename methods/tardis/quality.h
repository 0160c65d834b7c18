#pragma once
// How good predictor and windows are on tokens that nothing was fitted on.

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/method/method.h"
#include "methods/tardis/block.h"

namespace assay {

/// Counts of one layer over held-out tokens.
struct LayerQuality {
  double precision = 0;   ///< of the neurons computed exactly, how many had left their window
  double recall = 0;      ///< of those that had, how many were computed exactly
  double realised = 0;    ///< share computed exactly
  double union_of_8 = 0;  ///< share that 8 tokens together would need
  double nmse = 0;        ///< squared error of the block's output over its variance
  at::Tensor counts;      ///< f32 [tokens], neurons computed exactly
};

/// chosen bool [tokens, neurons] -> the share of neurons that a step of `batch` of the tokens would
/// read, f: 1 - (1 - f)^batch if tokens were independent. Tokens are taken apart from each other,
/// as those of different sequences are. 0 when there are fewer tokens than `batch`.
double union_share(const at::Tensor& chosen, std::int64_t batch);

/// rows f32 [tokens, width]: inputs of the block. Neurons that are always exact count in `realised`
/// only.
LayerQuality layer_quality(const Artefact& artefact, std::int64_t index, const Layer& layer,
                           ActivationKind activation, const at::Tensor& rows);

/// Reports "predictor/layer.3/recall", "fallback/layer.3/realised" and so on.
void report_layer(FitContext& context, std::int64_t index, const LayerQuality& quality);

/// Reports the sizes over all folded layers, as shares of their dense 16-bit blocks: what stays
/// resident, what a token reads (mean and 95th percentile over held-out tokens, predictor
/// included), and the paper's ratio, which leaves the predictor out.
void report_sizes(FitContext& context, const FfnShape& shape, double predictor_share,
                  const std::vector<LayerQuality>& layers);

}  // namespace assay
