#pragma once
// From two models of one shape to an artefact that turns the first into the second.

#include "harness/method/method.h"

namespace assay {

/// What differs in shape, one text a trait ("ffn.width: 1024 -> 512"); empty = the same model.
std::vector<std::string> shape_differences(const ModelSpec& before, const ModelSpec& after);

/// Weights that only lost entries become bit masks, others whole tensors; biases and norms of the
/// layers likewise. Reports the sparsity of every matrix. Throws UserError when something else
/// changed (embeddings, final norm, head): an artefact cannot carry that.
Artefact difference(const Model& before, const Model& after, FitContext& context);

/// Puts the tensors of difference() into a model.
void transplant(Model& model, const Artefact& artefact);

}  // namespace assay
