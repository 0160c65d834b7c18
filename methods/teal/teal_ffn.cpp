#include "methods/teal/teal_ffn.h"

#include <utility>

#include "harness/model/kernels/rowwise_torch.h"

namespace assay::teal {

at::Tensor TealFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  const at::Tensor hidden = middle(first_.forward(rows, step), step);
  step.record(Tap::kDownInput, hidden);
  return down_.forward(hidden, step);
}

at::Tensor TealFfn::middle(at::Tensor products, const StepContext& step) const {
  if (first_.matrices().linear(Slot::kGate) == nullptr) {
    step.record(Tap::kPreActivation, products);
    return activate(std::move(products), activation_);
  }
  const std::int64_t width = products.size(1) / 2;
  const at::Tensor gate = products.narrow(1, 0, width);
  step.record(Tap::kPreActivation, gate);
  if (activation_ == ActivationKind::kSilu && cpu_kernels_apply(products)) {
    return silu_gate_cpu(products);
  }
  // A copy: activate() works in place.
  return activate(gate.clone(), activation_).mul(products.narrow(1, width, width));
}

Linear* TealFfn::linear(Slot slot) const {
  return slot == Slot::kDown ? down_.matrices().linear(slot) : first_.matrices().linear(slot);
}

void TealFfn::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  (slot == Slot::kDown ? down_ : first_).matrices().replace(slot, std::move(block));
}

void TealFfn::visit_tensors(const VisitTensor& visit) {
  first_.visit_tensors(visit, "teal.ffn_");
  down_.visit_tensors(visit, "teal.down_");
}

Cost TealFfn::cost() const {
  Cost cost = first_.cost();
  cost += down_.cost();
  return cost;
}

DenseForm TealFfn::dense_form() const {
  DenseForm form;
  form.impossible = "a block whose matrices read thresholded inputs (TEAL)";
  return form;
}

std::unique_ptr<Ffn> TealFfn::share() const {
  return std::make_unique<TealFfn>(activation_, first_, down_);
}

}  // namespace assay::teal
