#include "methods/contextual/estimates.h"

#include <ATen/ops/ones.h>

#include "harness/model/kernels/linear.h"

namespace assay::contextual {
namespace {

void visit_thin(const VisitTensor& visit, const std::string& name, ThinMatrix& matrix) {
  if (!matrix.left.defined()) return;
  visit(name + ".left", matrix.left);
  visit(name + ".right", matrix.right);
  visit_if_defined(visit, name + ".bias", matrix.bias);
}

Cost cost_of(const ThinMatrix& matrix) {
  Cost cost;
  for (const at::Tensor& tensor : {matrix.left, matrix.right, matrix.bias}) {
    cost += tensor_cost(tensor);
  }
  if (matrix.left.defined()) {
    cost.flops_per_token = 2 * (matrix.left.numel() + matrix.right.numel());
  }
  return cost;
}

}  // namespace

at::Tensor ThinMatrix::operator()(const at::Tensor& rows) const {
  return dense_product(dense_product(rows, right, {}), left, bias);
}

void SvdEstimate::visit_tensors(const VisitTensor& visit) {
  visit_thin(visit, "gate", gate_);
  visit_thin(visit, "up", up_);
}

Cost SvdEstimate::cost() const {
  Cost cost = cost_of(gate_);
  cost += cost_of(up_);
  return cost;
}

at::Tensor SvdEstimate::scores(const ChoiceInput& input, const StepContext& /*step*/) const {
  at::Tensor values = up_(input.rows).to(at::kFloat);
  if (gate_.left.defined()) {
    return activate(gate_(input.rows).to(at::kFloat), activation_).mul_(values).abs_();
  }
  if (activation_ == ActivationKind::kRelu) return values;
  return activate(std::move(values), activation_).abs_();
}

at::Tensor SignEstimate::scores(const ChoiceInput& input, const StepContext& /*step*/) const {
  return signs_.forward(input.rows.sign()).to(at::kFloat);
}

PackedMatrix signs_of(const at::Tensor& weight) {
  constexpr std::int64_t kBits = 2, kGroup = 128;
  const std::int64_t groups = (weight.size(1) + kGroup - 1) / kGroup;
  const at::Tensor codes = weight.detach().to(at::kCPU, at::kFloat).sign().add_(1).to(at::kByte);
  const at::Tensor ones = at::ones({weight.size(0), groups});
  return pack_matrix(codes, ones, ones.to(at::kByte), kBits, kGroup);
}

}  // namespace assay::contextual
