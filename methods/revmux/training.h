#pragma once
// Trains the adapters of a multiplexed encoder.

#include "harness/method/method.h"

namespace assay::revmux {

/// Everything that apply_multiplexed() needs. The model is the teacher and stays as it is.
Artefact learn(const Model& model, FitContext& context, const Params& params);

}  // namespace assay::revmux
