#pragma once
// Zero-order gates: gated blocks with a constant in place of the activation fold into one matrix.
// Experimental; the paper speaks of plain blocks only.

#include "harness/method/method.h"
#include "methods/tardis/settings.h"

namespace assay {

/// Per layer C = Wu^T diag(c) Wd. The artefact holds "layer.3.fold" and "layer.3.fold_bias" only;
/// nothing is predicted or computed exactly.
Artefact fit_gated(const Model& model, FitContext& context, const TardisSettings& settings);

void apply_gated(Model& model, const Artefact& artefact);

}  // namespace assay
