#pragma once
// Wanda (arXiv 2306.11695) on one matrix.

#include <ATen/core/Tensor.h>

#include "harness/method/sparsity.h"

namespace assay {

/// Eq. 1: S_ij = |W_ij| * ||X_j||_2. weight f32 [out, in], square_norm f32 [in] (mean over samples
/// of the squared norm; the factor changes no decision) -> f32 [out, in].
at::Tensor wanda_scores(const at::Tensor& weight, const at::Tensor& square_norm);

/// The variant with a different sparsity in every row: prunes, in each row, the smallest scores
/// that together make up at most a part alpha of the row's sum; alpha in [0, 0.8] is found by
/// bisection so that the whole matrix comes within 0.001 of `ratio` (or as near as alpha allows).
/// scores f32 [out, in] -> keep, bool [out, in].
at::Tensor wanda_adaptive_keep(const at::Tensor& scores, double ratio);

}  // namespace assay
