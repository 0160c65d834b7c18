#include "harness/model/input_major_linear.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "harness/model/kernels/large_pages.h"

namespace assay {

InputMajorLinear::InputMajorLinear(const DenseLinear& dense)
    : weight_(dense.weight()), bias_(dense.bias()) {
  turn();
}

void InputMajorLinear::turn() {
  if (weight_.requires_grad() || weight_.t().is_contiguous()) return;
  weight_ = copy_on_large_pages(weight_.t()).t();
}

at::Tensor InputMajorLinear::forward(const at::Tensor& rows) const {
  const at::Tensor y = at::mm(rows, weight_.t());
  return bias_.defined() ? y.add(bias_) : y;
}

at::Tensor InputMajorLinear::forward_selected(const at::Tensor& coefficients,
                                              const Selection& selection) const {
  at::Tensor y = bias_.defined() ? bias_.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true)
                                 : at::zeros({out_features()}, weight_.options().dtype(at::kFloat));
  gathered_accumulate(coefficients, weight_.t().contiguous(), selection, y);
  return y;
}

void InputMajorLinear::visit_tensors(const VisitTensor& visit) {
  visit("weight", weight_);
  turn();
  visit_if_defined(visit, "bias", bias_);
}

Cost InputMajorLinear::cost() const {
  Cost cost = tensor_cost(weight_);
  cost += tensor_cost(bias_);
  cost.flops_per_token = 2 * weight_.numel() + (bias_.defined() ? bias_.numel() : 0);
  return cost;
}

DenseForm InputMajorLinear::dense_form() const {
  DenseForm form;
  form.tensors["weight"] = weight_.contiguous();
  if (bias_.defined()) form.tensors["bias"] = bias_;
  return form;
}

std::unique_ptr<Linear> InputMajorLinear::share() const {
  return std::make_unique<InputMajorLinear>(*this);
}

}  // namespace assay
