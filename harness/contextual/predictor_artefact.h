#pragma once
// Predictors in artefacts.

#include <ATen/core/Tensor.h>

#include <string>

#include "harness/contextual/predictor.h"
#include "harness/method/method.h"

namespace assay {

/// Puts a predictor into an artefact: its tensors as "<name>.first.weight", "<name>.first.bias",
/// "<name>.second.weight", ... (packed ones as store_packed() names them), its form and its bits
/// into plan["predictors"][name]. The artefact holds copies on the CPU or the tensors themselves.
void store_predictor(Artefact& artefact, const std::string& name, const Predictor& predictor);

/// Whether an artefact has a predictor of this name.
bool has_predictor(const Artefact& artefact, const std::string& name);

/// Puts a predictor of the artefact `trained`, dense fp32, into another as it is to run. Throws as
/// stored_as() and load_predictor().
void settle_predictor(Artefact& artefact, const Artefact& trained, const std::string& name,
                      std::int64_t bits);

/// Reads it back, into the memory of `device`. Throws UserError, naming the predictor, when it is
/// missing or the tensors contradict the plan.
Predictor load_predictor(const Artefact& artefact, const std::string& name, at::Device device);

}  // namespace assay
