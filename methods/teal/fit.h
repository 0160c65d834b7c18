#pragma once
// The two stages of a fit.

#include "harness/method/method.h"
#include "methods/teal/magnitudes.h"

namespace assay::teal {

inline constexpr const char* kMagnitudes = "magnitudes";  ///< the first stage

/// Quantiles of |x| where every matrix of the unchanged model reads, over all tokens of the
/// calibration text. Tensors "layer.3.qkv" f32 [kQuantileSteps + 1], as MagnitudeHistogram gives.
Artefact measure_magnitudes(const Model& model, FitContext& context);

/// Thresholds for a sparsity, from the first stage. Tensors "layer.3.thresholds" f32: of qkv, o,
/// ffn and down, those that the setting leaves out are kNoThreshold, or, of CATS, of the gate. The
/// plan says which places they are of.
Artefact choose_thresholds(const Model& model, FitContext& context, const Params& params);

// Readers of parameters, and of the artefact's plan.
bool is_cats(const Params& params);
bool takes_attention(const Params& params);
bool takes_ffn(const Params& params);

}  // namespace assay::teal
