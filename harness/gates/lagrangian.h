#pragma once
// Holds the expected sparsity of gates at a target: l1 (s - t) + l2 (s - t)^2, the multipliers by
// gradient ascent (CoFi, Xia et al. 2022, arXiv:2204.00408, eq. 5; Wang et al. 2020,
// arXiv:1910.04732).

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay::gates {

/// The target rises from 0 in a straight line over the first `warmup` steps.
struct SparsityTarget {
  double target = 0.6;
  std::int64_t warmup = 0;
  [[nodiscard]] double at_step(std::int64_t step) const;
};

/// f32 [] leaves, 0 at the start. Whoever trains lets them climb: their step is the negative of a
/// descent's.
struct Multipliers {
  at::Tensor linear, quadratic;
};
Multipliers start_multipliers();

/// Differentiable in the sparsity (f32 []) and in the multipliers.
at::Tensor lagrangian(const at::Tensor& sparsity, double target, const Multipliers& multipliers);

}  // namespace assay::gates
