#pragma once
// Layer norm and RMS norm over rows.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"
#include "harness/model/block.h"

namespace assay {

/// A value, not a seam. Passes rows on as they are where there is no norm.
struct NormBlock {
  NormKind kind = NormKind::kLayerNorm;
  double eps = 1e-5;
  at::Tensor weight;         ///< [width]; undefined = no norm here, unless it is `bare`
  at::Tensor bias;           ///< [width] or undefined
  double offset = 0;         ///< rows are multiplied by it and the weight together
  bool rounds_last = false;  ///< RMS norm: weighted before it is rounded to the dtype
  bool bare = false;         ///< a norm without a weight
  [[nodiscard]] bool is_there() const { return bare || weight.defined(); }
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const;
  void visit_tensors(const VisitTensor& visit);
  [[nodiscard]] Cost cost() const;
};

}  // namespace assay
