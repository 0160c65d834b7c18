#pragma once
// Fitting of `tardis`: learn each layer, share the budget out, fold.

#include "harness/method/method.h"
#include "methods/tardis/settings.h"

namespace assay {

/// For models with plain blocks. `predictor` is the parameter's text, for the plan.
Artefact fit_tardis(const Model& model, FitContext& context, const TardisSettings& settings,
                    const std::string& predictor);

}  // namespace assay
