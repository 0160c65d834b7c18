#pragma once
// Truncated singular value decompositions of weights, plain and weighted by activations.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// W ~ left right with left [out, rank], right [rank, in]; f32 on the CPU.
struct LowRank {
  at::Tensor left, right;
};

/// The best approximation in the Frobenius norm. weight f32 [out, in]; 1 <= rank <= min(out, in).
LowRank svd_plain(const at::Tensor& weight, std::int64_t rank);

/// The best approximation of X W^T in the Frobenius norm: the SVD of W L, L L^T = gram + damping *
/// mean(diag gram) I. gram f32 [in, in], X^T X up to a factor.
LowRank svd_weighted(const at::Tensor& weight, const at::Tensor& gram, std::int64_t rank,
                     double damping);

}  // namespace assay
