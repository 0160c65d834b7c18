#include "harness/compress/low_rank.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/sign.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>

#include "harness/base/errors.h"

namespace assay {
namespace {

void require_rank(const at::Tensor& weight, std::int64_t rank) {
  const std::int64_t most = std::min(weight.size(0), weight.size(1));
  if (rank >= 1 && rank <= most) return;
  throw std::logic_error(
      fmt::format("rank {} of a {} x {} matrix", rank, weight.size(0), weight.size(1)));
}

/// Eigenvectors of the `rank` largest eigenvalues, largest first, f64 [n, rank]. The sign is the
/// one that makes the entry of largest size positive, so that it does not depend on rounding.
at::Tensor leading_eigenvectors(const at::Tensor& symmetric, std::int64_t rank) {
  if (!std::isfinite(symmetric.sum().item<double>())) {
    throw UserError(
        "a weight matrix or the activations' second moments hold NaN or infinity; check the model");
  }
  const at::Tensor vectors = std::get<1>(at::linalg_eigh(symmetric));
  const at::Tensor leading = vectors.narrow(1, vectors.size(1) - rank, rank).flip(1);
  const at::Tensor largest = leading.abs().argmax(0, /*keepdim=*/true);
  return leading * at::sign(leading.gather(0, largest));
}

/// left right, each with half of the scale: reduced precision then costs both the same.
LowRank balanced(const at::Tensor& left, const at::Tensor& right) {
  const at::Tensor a = left.square().sum(0).sqrt();
  const at::Tensor b = right.square().sum(1).sqrt();
  const at::Tensor scale = (b / a.clamp_min(1e-300)).sqrt();
  const at::Tensor usable = scale.masked_fill((a == 0).logical_or(b == 0), 1);
  return {(left * usable).to(at::kFloat).contiguous(),
          (right / usable.unsqueeze(1)).to(at::kFloat).contiguous()};
}

/// M ~ M V V^T or Q Q^T M, by the smaller of the two second-moment matrices in f64: as exact for
/// f32 weights as the SVD itself, and several times faster on oblong ones.
LowRank truncate(const at::Tensor& matrix, std::int64_t rank) {
  if (matrix.size(0) <= matrix.size(1)) {
    const at::Tensor q = leading_eigenvectors(matrix.matmul(matrix.t()), rank);
    return {q, q.t().matmul(matrix)};
  }
  const at::Tensor v = leading_eigenvectors(matrix.t().matmul(matrix), rank);
  return {matrix.matmul(v), v.t()};
}

at::Tensor damped_factor(const at::Tensor& gram, double damping) {
  at::Tensor damped = gram.to(at::kDouble).clone();
  damped.diagonal().add_(damping * damped.diagonal().mean().item<double>());
  const auto [lower, failed] = at::linalg_cholesky_ex(damped);
  if (failed.item<int>() == 0 && std::isfinite(lower.sum().item<double>())) return lower;
  throw UserError(fmt::format(
      "the second moments of the activations are not positive definite with damping {}; use more "
      "damping or more calibration samples, and check that the activations are finite",
      damping));
}

}  // namespace

LowRank svd_plain(const at::Tensor& weight, std::int64_t rank) {
  require_rank(weight, rank);
  const LowRank wide = truncate(weight.to(at::kDouble), rank);
  return balanced(wide.left, wide.right);
}

LowRank svd_weighted(const at::Tensor& weight, const at::Tensor& gram, std::int64_t rank,
                     double damping) {
  require_rank(weight, rank);
  const at::Tensor lower = damped_factor(gram, damping);
  const LowRank wide = truncate(weight.to(at::kDouble).matmul(lower), rank);
  const at::Tensor right =
      at::linalg_solve_triangular(lower, wide.right, /*upper=*/false, /*left=*/false);
  return balanced(wide.left, right);
}

}  // namespace assay
