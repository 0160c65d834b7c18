#pragma once
// The trainings of a fit: which predictors there are, what each reads and what it learns.

#include "harness/method/method.h"

namespace assay::shadowllm {

/// Predictors of the stage's traces (traces.h), dense fp32, under predictor_name() of settings.h.
/// Tells for each the rank correlation and the loss on held-out samples. Throws as train_shadow().
Artefact train_predictors(const Model& model, FitContext& context, const Params& params);

}  // namespace assay::shadowllm
