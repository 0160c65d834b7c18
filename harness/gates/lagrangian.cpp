#include "harness/gates/lagrangian.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace assay::gates {

double SparsityTarget::at_step(std::int64_t step) const {
  if (warmup <= 0) return target;
  return target * std::min(1.0, static_cast<double>(step) / static_cast<double>(warmup));
}

Multipliers start_multipliers() {
  const auto zero = [] { return at::zeros({}, at::kFloat).requires_grad_(true); };
  return {zero(), zero()};
}

at::Tensor lagrangian(const at::Tensor& sparsity, double target, const Multipliers& multipliers) {
  const at::Tensor distance = sparsity - target;
  return multipliers.linear * distance + multipliers.quadratic * distance * distance;
}

}  // namespace assay::gates
