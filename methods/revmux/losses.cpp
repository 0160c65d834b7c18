#include "methods/revmux/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cosine_similarity.h>
#include <ATen/ops/zeros.h>

#include "harness/train/losses.h"

namespace assay::revmux {
namespace {

/// Rows of length 1.
at::Tensor normed(const at::Tensor& rows) {
  constexpr double kSmallest = 1e-12;
  return rows / rows.norm(2, 1, /*keepdim=*/true).clamp_min(kSmallest);
}

/// rows and others [groups, length, part], real [groups, length] or undefined -> scalar, with a
/// gradient of `rows` alone
at::Tensor one_way(const at::Tensor& rows, const at::Tensor& others, const at::Tensor& real) {
  const at::Tensor alike = at::cosine_similarity(rows, others.detach(), 2).abs();
  if (!real.defined()) return alike.mean();
  const at::Tensor counted = real.to(alike.scalar_type());
  return ((alike * counted).sum(1) / counted.sum(1)).mean();
}

}  // namespace

at::Tensor contrast_loss(const at::Tensor& student, const at::Tensor& teacher, double temperature) {
  const at::Tensor scores = normed(student).matmul(normed(teacher.detach()).t()) / temperature;
  return cross_entropy(scores, at::arange(scores.size(0), scores.options().dtype(at::kLong)));
}

at::Tensor likeness(const mux::RevMuxPass& pass) {
  const std::int64_t count = pass.parts.size(1);
  at::Tensor sum = at::zeros({}, pass.parts.options());
  if (count == 1) return sum;
  const auto of = [](const at::Tensor& all, std::int64_t i) {
    return all.defined() ? all.select(1, i) : at::Tensor();
  };
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      if (i != j) sum = sum + one_way(of(pass.parts, i), of(pass.parts, j), of(pass.real, i));
    }
  }
  return sum / (count * (count - 1));
}

}  // namespace assay::revmux
