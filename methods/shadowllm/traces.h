#pragma once
// What heads and neurons were worth to each calibration sequence, and what a predictor sees of it.

#include <string>
#include <vector>

#include "harness/method/method.h"

namespace assay::shadowllm {

/// Tensors of an artefact, S sequences in their order:
///   "contexts"        f32 [S, heads * head_dim of all layers]: contexts at the last token, which
///                     is the answer's last one, or at the prompt's last one (`trace_at`)
///   "heads"           f32 [S, all layers' heads]: scores of the criterion, layer by layer
///   "neurons"         f32 [S, all layers' neurons]
/// They are mapped files of the fit's folder, in which a killed trace goes on
/// (trace_calibration()). The loss is the mean over the answer's tokens, of a text over all behind
/// the first. Throws DoesNotApply where a method replaced a block that is looked at, and for
/// prompts of a text; NonFiniteValue that names criterion and layer.
Artefact trace(const Model& model, FitContext& context, const Params& params);

/// Those that decide what is traced.
std::vector<std::string> traced_params();

}  // namespace assay::shadowllm
