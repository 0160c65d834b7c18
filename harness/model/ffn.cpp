#include "harness/model/ffn.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>

#include <stdexcept>

#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

constexpr std::size_t kGateSlot = 0;
constexpr std::size_t kUpSlot = 1;
constexpr std::size_t kDownSlot = 2;

std::size_t slot_index(LinearRole role) {
  return static_cast<std::size_t>(role) - static_cast<std::size_t>(LinearRole::kGate);
}

}  // namespace

void activate_(at::Tensor& rows, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      at::silu_(rows);
      return;
    case ActivationKind::kRelu:
      at::relu_(rows);
      return;
    case ActivationKind::kGelu:
      at::gelu_(rows, "none");
      return;
    case ActivationKind::kGeluTanh:
      at::gelu_(rows, "tanh");
      return;
  }
}

StandardFfn::StandardFfn(ActivationKind activation, bool gated, DenseLinear first, DenseLinear down)
    : activation_(activation), gated_(gated) {
  if (gated) {
    fused_.emplace(std::move(first));
    view_fused();
  } else {
    slots_[kUpSlot] = std::make_unique<DenseLinear>(std::move(first));
  }
  slots_[kDownSlot] = std::make_unique<DenseLinear>(std::move(down));
}

void StandardFfn::view_fused() {
  const std::int64_t width = fused_->out_features() / 2;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto begin = static_cast<std::int64_t>(i) * width;
    const at::Tensor& bias = fused_->bias();
    slots_[i] = std::make_unique<DenseLinear>(fused_->weight().narrow(0, begin, width),
                                              bias.defined() ? bias.narrow(0, begin, width) : bias);
  }
}

at::Tensor StandardFfn::middle(const at::Tensor& rows) const {
  if (fused_) {
    const at::Tensor both = fused_->forward(rows);
    if (activation_ == ActivationKind::kSilu && plain_cpu(both)) return silu_gate_cpu(both);
    const std::int64_t width = both.size(1) / 2;
    at::Tensor gate = both.narrow(1, 0, width);
    gate = activation_ == ActivationKind::kSilu ? at::silu(gate) : gate.contiguous();
    if (activation_ != ActivationKind::kSilu) activate_(gate, activation_);
    return gate.mul_(both.narrow(1, width, width));
  }
  if (gated_) {
    at::Tensor gate = slots_[kGateSlot]->forward(rows);
    activate_(gate, activation_);
    return gate.mul_(slots_[kUpSlot]->forward(rows));
  }
  at::Tensor up = slots_[kUpSlot]->forward(rows);
  activate_(up, activation_);
  return up;
}

at::Tensor StandardFfn::forward(const at::Tensor& rows, StepContext& step) const {
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kFfnInput, rows, step);
  const at::Tensor hidden = middle(rows);
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kDownInput, hidden, step);
  return slots_[kDownSlot]->forward(hidden);
}

Linear* StandardFfn::linear(LinearRole role) const {
  const std::size_t index = slot_index(role);
  return index < slots_.size() ? slots_[index].get() : nullptr;
}

void StandardFfn::replace_linear(LinearRole role, std::unique_ptr<Linear> block) {
  if (linear(role) == nullptr) {
    throw std::logic_error(std::string("this FFN has no slot '") + role_name(role) + "'");
  }
  slots_[slot_index(role)] = std::move(block);
  if (role != LinearRole::kDown) fused_.reset();
}

Cost StandardFfn::cost() const {
  Cost cost;
  for (const auto& slot : slots_) {
    if (slot) cost += slot->cost();
  }
  return cost;
}

std::unique_ptr<Ffn> StandardFfn::clone() const {
  auto copy = std::unique_ptr<StandardFfn>(new StandardFfn());
  copy->activation_ = activation_;
  copy->gated_ = gated_;
  for (std::size_t i = fused_ ? kDownSlot : kGateSlot; i < slots_.size(); ++i) {
    if (slots_[i]) copy->slots_[i] = slots_[i]->clone();
  }
  if (fused_) {
    const at::Tensor& bias = fused_->bias();
    copy->fused_.emplace(copy_on_large_pages(fused_->weight()),
                         bias.defined() ? bias.clone() : bias);
    copy->view_fused();
  }
  return copy;
}

}  // namespace assay
