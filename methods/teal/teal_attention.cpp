#include "methods/teal/teal_attention.h"

#include <utility>

namespace assay::teal {

at::Tensor TealAttention::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kQkvInput, rows);
  const at::Tensor qkv = core_.rotate(qkv_.forward(rows, step), step);
  const at::Tensor context = core_.attend(qkv, core_.store(qkv, step), step);
  step.record(Tap::kOutInput, context);
  return out_.forward(context, step);
}

Linear* TealAttention::linear(Slot slot) const {
  return slot == Slot::kO ? out_.matrices().linear(slot) : qkv_.matrices().linear(slot);
}

void TealAttention::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  (slot == Slot::kO ? out_ : qkv_).matrices().replace(slot, std::move(block));
}

void TealAttention::visit_tensors(const VisitTensor& visit) {
  qkv_.visit_tensors(visit, "teal.qkv_");
  core_.visit_norms(visit);
  out_.visit_tensors(visit, "teal.o_");
}

Cost TealAttention::cost() const {
  Cost cost = qkv_.cost();
  cost += out_.cost();
  for (const NormBlock* norm : {&core_.norms().query, &core_.norms().key}) cost += norm->cost();
  return cost;
}

DenseForm TealAttention::dense_form() const {
  DenseForm form;
  form.impossible = "a block whose matrices read thresholded inputs (TEAL)";
  return form;
}

std::unique_ptr<Attention> TealAttention::share() const {
  return std::make_unique<TealAttention>(core_.shape(), core_.norms(), qkv_, out_);
}

}  // namespace assay::teal
