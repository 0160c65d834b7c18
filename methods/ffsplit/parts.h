#pragma once
// The two parts of one layer: compressed while fitting, kept in an artefact, put into a model.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "harness/method/method.h"
#include "harness/method/neuron_statistics.h"
#include "methods/ffsplit/sizes.h"

namespace assay::ffsplit {

/// Shape of a model's feed-forward blocks, as the fit sees them (f32).
FfnShape ffn_shape(const ModelSpec& spec);

/// What a layer of a plain or gated FFN is split by.
struct LayerSplit {
  std::int64_t index = 0;
  at::Tensor heavy;                         ///< int64 ascending: the neurons of part 1
  const FfnRecorder* statistics = nullptr;  ///< with second moments where a compressor needs them
};

/// Compresses both parts and adds them to the artefact: "layer.3.heavy" (int64), and for each
/// matrix that does not stay as it is "layer.3.up.rest.left" and ".right" or a packed one of that
/// name. Matrices that stay are taken from the model when the artefact is applied.
void compress_layer(const Layer& layer, const LayerSplit& split, const Settings& settings,
                    const Plan& plan, FitContext& context, Artefact& artefact);

/// Puts the SplitFfn of layer `index` into `layer`; leaves the layer as it is where the artefact
/// holds nothing for it. Throws UserError when the artefact does not fit the layer.
void split_layer(Layer& layer, std::int64_t index, const ModelSpec& spec, const Artefact& artefact);

}  // namespace assay::ffsplit
