#include "harness/model/standard_ffn.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/rowwise_torch.h"
#include "harness/model/slot_index.h"

namespace assay {
namespace {

constexpr std::size_t kGate = 0, kUp = 1, kDown = 2;
constexpr std::size_t kFirst = 2;  ///< gate and up, the first of the slots
constexpr Slot kFfnSlots[] = {Slot::kGate, Slot::kUp, Slot::kDown};

at::Tensor activated(const at::Tensor& rows, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return at::silu(rows);
    case ActivationKind::kRelu:
      return at::relu(rows);
    case ActivationKind::kGelu:
      return at::gelu(rows, "none");
    case ActivationKind::kGeluTanh:
      break;
  }
  return at::gelu(rows, "tanh");
}

at::Tensor multiplied(at::Tensor gate, const at::Tensor& up) {
  return needs_gradient(gate, up) ? gate.mul(up) : gate.mul_(up);
}

}  // namespace

at::Tensor activate(at::Tensor rows, ActivationKind kind) {
  if (needs_gradient(rows)) return activated(rows, kind);
  switch (kind) {
    case ActivationKind::kSilu:
      return at::silu_(rows);
    case ActivationKind::kRelu:
      return at::relu_(rows);
    case ActivationKind::kGelu:
      return at::gelu_(rows, "none");
    case ActivationKind::kGeluTanh:
      break;
  }
  return at::gelu_(rows, "tanh");
}

StandardFfn::StandardFfn(ActivationKind activation, std::optional<DenseLinear> gate, DenseLinear up,
                         DenseLinear down)
    : activation_(activation) {
  if (gate) slots_[kGate] = std::make_unique<DenseLinear>(std::move(*gate));
  slots_[kUp] = std::make_unique<DenseLinear>(std::move(up));
  slots_[kDown] = std::make_unique<DenseLinear>(std::move(down));
  if (gate) fused_ = adjacent_linears(std::span(slots_).first(kFirst));
}

at::Tensor StandardFfn::gated(const at::Tensor& rows, const StepContext& step) const {
  if (!fused_ || wants_gradient(std::span(slots_).first(kFirst))) {
    at::Tensor gate = slots_[kGate]->forward(rows);
    step.record(Tap::kPreActivation, gate);
    return multiplied(activate(std::move(gate), activation_), slots_[kUp]->forward(rows));
  }
  const at::Tensor both = fused_->forward(rows);
  const std::int64_t width = both.size(1) / 2;
  const at::Tensor gate = both.narrow(1, 0, width);
  step.record(Tap::kPreActivation, gate);
  const bool silu = activation_ == ActivationKind::kSilu;
  if (silu && cpu_kernels_apply(both)) return silu_gate_cpu(both);
  return multiplied(silu ? at::silu(gate) : activate(gate.contiguous(), activation_),
                    both.narrow(1, width, width));
}

at::Tensor StandardFfn::middle(const at::Tensor& rows, const StepContext& step) const {
  if (slots_[kGate]) return gated(rows, step);
  at::Tensor up = slots_[kUp]->forward(rows);
  step.record(Tap::kPreActivation, up);
  return activate(std::move(up), activation_);
}

at::Tensor StandardFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  const at::Tensor hidden = middle(rows, step);
  step.record(Tap::kDownInput, hidden);
  return slots_[kDown]->forward(hidden);
}

Linear* StandardFfn::linear(Slot slot) const {
  const std::size_t index = index_in(kFfnSlots, slot);
  return index < slots_.size() ? slots_[index].get() : nullptr;
}

void StandardFfn::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  if (linear(slot) == nullptr) {
    throw std::logic_error(std::string("this FFN has no slot '") + slot_name(slot) + "'");
  }
  slots_[index_in(kFfnSlots, slot)] = std::move(block);
  if (slot != Slot::kDown) fused_.reset();
}

void StandardFfn::visit_tensors(const VisitTensor& visit) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i]) continue;
    slots_[i]->visit_tensors(visit_part(visit, std::string(slot_name(kFfnSlots[i])) + "."));
  }
  // The visitor may have put others in their place.
  if (slots_[kGate]) fused_ = adjacent_linears(std::span(slots_).first(kFirst));
}

void StandardFfn::fuse() {
  if (slots_[kGate]) fused_ = fuse_linears(std::span(slots_).first(kFirst));
}

Cost StandardFfn::cost() const {
  Cost cost;
  for (const auto& slot : slots_) {
    if (slot) cost += slot->cost();
  }
  return cost;
}

DenseForm StandardFfn::dense_form() const {
  DenseForm form;
  form.activation = activation_;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) form.add(std::string(slot_name(kFfnSlots[i])) + ".", slots_[i]->dense_form());
  }
  return form;
}

std::unique_ptr<Ffn> StandardFfn::share() const {
  auto twin = std::unique_ptr<StandardFfn>(new StandardFfn());
  twin->activation_ = activation_;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]) twin->slots_[i] = slots_[i]->share();
  }
  twin->fused_ = fused_;
  return twin;
}

}  // namespace assay
