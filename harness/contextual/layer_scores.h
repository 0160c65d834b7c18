#pragma once
// Scores of the heads or of the neurons of a model, layer by layer.

#include <ATen/core/Tensor.h>

#include <vector>

namespace assay {

/// One tensor a layer: f64 [heads] or [neurons] on the CPU; of no elements where the layer has no
/// such block. Layers may differ in width.
using LayerScores = std::vector<at::Tensor>;

}  // namespace assay
