#include "harness/model/norm.h"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>

#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

// As transformers does it: the row is normed in f32, rounded to the dtype, then weighted.
at::Tensor rms_norm(const at::Tensor& rows, const at::Tensor& weight, double eps) {
  if (cpu_kernels_apply(rows) && cpu_kernels_apply(weight) &&
      rows.scalar_type() == weight.scalar_type()) {
    return rms_norm_cpu(rows, weight, eps);
  }
  const at::Tensor wide = rows.to(at::kFloat);
  const at::Tensor factor = at::rsqrt(wide.square().mean(-1, true).add(eps));
  return wide.mul(factor).to(rows.scalar_type()).mul(weight);
}

}  // namespace

at::Tensor NormBlock::forward(const at::Tensor& rows) const {
  if (!weight.defined()) return rows;
  if (kind == NormKind::kRmsNorm) return rms_norm(rows, weight, eps);
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
