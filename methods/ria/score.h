#pragma once
// Relative importance and activations (RIA, "Plug-and-Play", ICLR 2024): the score of one matrix.

#include <ATen/core/Tensor.h>

namespace assay {

/// RI_ij = |W_ij| / sum_k |W_kj| + |W_ij| / sum_k |W_ik|. Computed in `dtype` (kHalf as the
/// official code does, or kFloat) and given as f32 [out, in]. A row or column of zeros contributes
/// 0.
at::Tensor relative_importance(const at::Tensor& weight, at::ScalarType dtype);

/// RI_ij * (||X_j||_2)^a; square_norm f32 [in] is the mean over samples of ||X_j||^2. The power is
/// taken in fp32. a = 0 gives RI itself.
at::Tensor ria_scores(const at::Tensor& weight, const at::Tensor& square_norm, double a,
                      at::ScalarType dtype);

}  // namespace assay
