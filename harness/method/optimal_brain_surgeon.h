#pragma once
// Optimal-brain-surgeon update of one linear (SparseGPT, arXiv 2301.00774): removes weights column
// by column and changes the remaining ones so that the layer's output on the calibration set moves
// least. Used by `sparsegpt` and by the reconstruction of `ria`.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "harness/method/method.h"
#include "harness/method/sparsity.h"

namespace assay {

struct ObsOptions {
  std::int64_t block_size = 128;  ///< columns; rounded down to a multiple of an N:M group
  double damping = 0.01;          ///< part of mean(diag H) added to the diagonal
};

/// Called when the Cholesky factorisation failed with one damping and another is tried.
using DampingRetry = std::function<void(double failed, double next)>;

/// A retry that becomes the warning "cholesky_retry" naming the matrix.
DampingRetry warn_of_retry(FitContext& context, const std::string& slot);

/// The parameter `damping`.
ParamSpec damping_param();

/// U, upper triangular with H^-1 = U^T U, after damping; f32 [C, C]. Retries with damping 0.1 and
/// then tenfold up to 10, as the published code does once. Throws UserError when none works.
at::Tensor inverse_factor(const at::Tensor& hessian, double damping, const DampingRetry& retry);

/// Weight [R, C] f32 and H = (2 / n) X^T X [C, C] f32 -> the new weight. Pruned entries are exactly
/// 0. Columns of inputs that were always 0 become 0. The mask comes from the scores
/// w^2 / diag(U)^2 of the block's current weights (threshold over the block, or N:M).
/// A ratio of 0 returns the weight unchanged.
at::Tensor obs_prune(const at::Tensor& weight, const at::Tensor& hessian,
                     const SparsityTarget& target, const ObsOptions& options,
                     const DampingRetry& retry);

/// The same update for a mask (bool, true = keep) that is fixed before.
at::Tensor obs_update(const at::Tensor& weight, const at::Tensor& hessian, const at::Tensor& keep,
                      const ObsOptions& options, const DampingRetry& retry);

}  // namespace assay
