#pragma once
// Folding the two matrices of a feed-forward block into one (TARDIS, arXiv 2501.10054).

#include <ATen/core/Tensor.h>

#include "methods/tardis/plain_ffn.h"

namespace assay {

/// x -> x weight^T + bias, as DenseLinear has it.
struct Folded {
  at::Tensor weight;  ///< f64 [width, width], the transpose of the paper's C
  at::Tensor bias;    ///< f64 [width], the paper's B
};

/// C = W1 diag(a) W2 and B = (a o b1 + c) W2 + b2, computed in f64: with this,
/// x C + B == (a o z + c) W2 + b2. slope, intercept: [neurons] of any real type.
Folded fold(const PlainFfn& ffn, const at::Tensor& slope, const at::Tensor& intercept);

}  // namespace assay
