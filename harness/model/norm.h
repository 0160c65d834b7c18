#pragma once
// Layer norm and RMS norm over rows.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"
#include "harness/model/block.h"

namespace assay {

/// A value, not a seam. Without a weight it passes rows on as they are.
struct NormBlock {
  NormKind kind = NormKind::kLayerNorm;
  double eps = 1e-5;
  at::Tensor weight;  ///< [width]; undefined = no norm here
  at::Tensor bias;    ///< [width] or undefined
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const;
  void visit_tensors(const VisitTensor& visit);
  [[nodiscard]] Cost cost() const;
};

}  // namespace assay
