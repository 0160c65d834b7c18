#pragma once
// What a dense pass over the calibration text shows: streams that predictors read, and which heads
// and neurons mattered.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/method/method.h"
#include "methods/dejavu/settings.h"

namespace assay::dejavu {

/// Tensors of an artefact, T traced tokens in their order, for every layer l behind the first:
///   "layer.<k>.attention_stream", "layer.<k>.ffn_stream"  bf16 [T, width]: those that `lookahead`
///                                                       asks for
///   "layer.<l>.head_norms"    f32 [T, heads]: L2 norm of each head's context
///   "layer.<l>.neuron_labels" uint8 [T, ceil(neurons / 8)]: see pack_labels()
/// They are mapped files of the fit's folder, in which a killed trace goes on
/// (trace_calibration()). Throws DoesNotApply where a method replaced a block that is looked at,
/// NonFiniteValue naming the layer where a stream holds NaN or infinity.
Artefact trace(const Model& model, FitContext& context, const Params& params);

/// Those that decide what is traced.
std::vector<std::string> traced_params();

std::string stream_name(const StreamPlace& place);
std::string head_norms_name(std::int64_t layer);
std::string neuron_labels_name(std::int64_t layer);

}  // namespace assay::dejavu
