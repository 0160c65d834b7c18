#include "harness/model/norm.h"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>

#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

at::Tensor weighted(const at::Tensor& rows, const NormBlock& norm) {
  if (!norm.weight.defined()) return rows;
  return rows.mul(norm.offset == 0 ? norm.weight : norm.weight.to(rows).add(norm.offset));
}

// As transformers does it: the row is normed in f32, rounded to the dtype, then weighted; in some
// families weighted in f32, then rounded.
at::Tensor rms_norm(const at::Tensor& rows, const NormBlock& norm) {
  const at::Tensor& weight = norm.weight;
  if (weight.defined() && cpu_kernels_apply(rows) && cpu_kernels_apply(weight) &&
      rows.scalar_type() == weight.scalar_type()) {
    return rms_norm_cpu(rows, weight, {norm.eps, norm.offset, norm.rounds_last});
  }
  const at::Tensor wide = rows.to(at::kFloat);
  const at::Tensor normed = wide.mul(at::rsqrt(wide.square().mean(-1, true).add(norm.eps)));
  if (norm.rounds_last) return weighted(normed, norm).to(rows.scalar_type());
  return weighted(normed.to(rows.scalar_type()), norm);
}

}  // namespace

at::Tensor NormBlock::forward(const at::Tensor& rows) const {
  if (!is_there()) return rows;
  if (kind == NormKind::kRmsNorm) return rms_norm(rows, *this);
  return at::layer_norm(rows, {rows.size(1)}, weight, bias, eps);
}

Cost NormBlock::cost() const {
  Cost cost = tensor_cost(weight);
  cost += tensor_cost(bias);
  return cost;
}

void NormBlock::visit_tensors(const VisitTensor& visit) {
  visit_if_defined(visit, "weight", weight);
  visit_if_defined(visit, "bias", bias);
}

}  // namespace assay
