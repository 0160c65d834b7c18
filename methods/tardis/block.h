#pragma once
// What an artefact of `tardis` says of one layer, and the block made of it.

#include <memory>
#include <string>

#include "harness/method/method.h"
#include "methods/tardis/budget.h"
#include "methods/tardis/settings.h"
#include "methods/tardis/tardis_ffn.h"

namespace assay {

/// "layer.3." + part
std::string tardis_tensor(std::int64_t layer, const char* part);

/// Lines over the whole range, f32 [neurons] each.
struct FullLines {
  at::Tensor slope, intercept;
};

/// Starts the plan: policies, and which predictor.
void store_policy(Artefact& artefact, const TardisSettings& settings, const std::string& predictor);
/// Folds with the chosen lines and puts windows and folds into the artefact.
void store_layer(Artefact& artefact, std::int64_t layer, const PlainFfn& ffn,
                 const LayerChoice& choice, const FullLines& full, const TardisPolicy& policy);

/// f32 [neurons] each, on the device of `like`.
NeuronWindows load_windows(const Artefact& artefact, std::int64_t layer, const at::Tensor& like);
NeuronPredictor load_predictor(const Artefact& artefact, std::int64_t layer, const PlainFfn& ffn);

/// The block for this layer of a model; takes over the layer's own first matrix.
std::unique_ptr<TardisFfn> make_tardis_ffn(const Artefact& artefact, std::int64_t index,
                                           const Layer& layer, ActivationKind activation);

}  // namespace assay
