#pragma once
// What a command made of a model, as an artefact.

#include "harness/method/method.h"

namespace assay {

/// The change from one model to another: masks where weights were only zeroed, new values
/// elsewhere; all parameters and the new shape where the shape changed. Throws DoesNotApply when
/// the vocabulary changed: tokens would mean something else.
Artefact difference(const Model& before, const Model& after, FitContext& context);

/// Makes the change.
void transplant(Model& model, const Artefact& artefact);

}  // namespace assay
