#include "harness/train/lora.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <stdexcept>

namespace assay {
namespace {

/// Drawn on the CPU, so that every device starts alike.
at::Tensor drawn(std::int64_t rank, const DenseLinear& frozen, std::uint64_t seed) {
  const double bound = 1 / std::sqrt(static_cast<double>(frozen.in_features()));
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::empty({rank, frozen.in_features()}, at::TensorOptions(at::kFloat))
      .uniform_(-bound, bound, generator)
      .to(frozen.weight().device());
}

/// Undefined where nothing is to be kept.
at::Tensor mask_of(const DenseLinear& frozen, const LoraSettings& settings) {
  if (!settings.keep_zeros) return {};
  const at::Tensor kept = frozen.weight().detach().ne(0);
  return kept.all().item<bool>() ? at::Tensor() : kept.to(at::kFloat);
}

/// Calls with every LoraLinear of the model and its place.
template <typename Visit>
void for_each_lora(Model& model, Visit visit) {
  for (Layer& layer : model.layers()) {
    for (const Slot slot : layer.slots()) {
      if (auto* lora = dynamic_cast<LoraLinear*>(layer.find(slot))) visit(layer, slot, *lora);
    }
  }
}

}  // namespace

LoraLinear::LoraLinear(const DenseLinear& frozen, const LoraSettings& settings, std::int64_t number)
    : frozen_(frozen),
      a_(drawn(settings.rank, frozen, settings.seed + static_cast<std::uint64_t>(number))),
      b_(at::zeros({frozen.out_features(), settings.rank},
                   at::TensorOptions(at::kFloat).device(frozen.weight().device()))),
      kept_(mask_of(frozen, settings)),
      scale_(settings.alpha / static_cast<double>(settings.rank)),
      dropout_(settings.dropout) {
  if (settings.rank < 1) throw std::logic_error("LoRA needs a rank of 1 or more");
}

at::Tensor LoraLinear::forward(const at::Tensor& rows) const {
  at::Tensor seen = rows.to(a_.scalar_type());
  if (drops_ && dropout_ > 0) seen = at::dropout(seen, dropout_, true);
  const at::Tensor thin = thin_product(seen);
  const at::Tensor dense = frozen_.forward(rows);
  return dense.add(thin.to(dense.scalar_type()));
}

at::Tensor LoraLinear::thin_product(const at::Tensor& rows) const {
  if (kept_.defined()) return at::linear(rows, product()).mul(scale_);
  return at::linear(at::linear(rows, a_), b_).mul(scale_);
}

at::Tensor LoraLinear::product() const {
  const at::Tensor whole = b_.matmul(a_);
  return kept_.defined() ? whole.mul(kept_) : whole;
}

void LoraLinear::visit_tensors(const VisitTensor& visit) {
  frozen_.visit_tensors(visit_part(visit, "frozen."));
  visit("lora_a", a_);
  visit("lora_b", b_);
}

Cost LoraLinear::cost() const {
  Cost cost = frozen_.cost();
  for (const at::Tensor& thin : {a_, b_}) {
    cost += tensor_cost(thin);
    cost.flops_per_token += 2 * thin.numel();
  }
  return cost;
}

std::unique_ptr<Linear> LoraLinear::share() const { return std::make_unique<LoraLinear>(*this); }

DenseLinear LoraLinear::merged() const {
  const at::NoGradGuard guard;
  const at::Tensor& weight = frozen_.weight();
  const at::Tensor sum = weight.to(at::kFloat).add(product(), scale_);
  return {sum.to(weight.scalar_type()).detach(), frozen_.bias()};
}

DenseLinear LoraLinear::composed() const {
  return {frozen_.weight().to(at::kFloat).add(product(), scale_), frozen_.bias()};
}

void add_lora(Model& model, const LoraSettings& settings, const SlotChoice& choose) {
  const c10::InferenceMode plain(false);
  std::int64_t number = 0;
  for (std::size_t i = 0; i < model.layers().size(); ++i) {
    Layer& layer = model.layers()[i];
    for (const Slot slot : layer.slots()) {
      if (!choose(static_cast<std::int64_t>(i), slot)) continue;
      layer.replace_linear(slot,
                           std::make_unique<LoraLinear>(layer.dense(slot), settings, number++));
    }
  }
}

void merge_lora(Model& model) {
  const c10::InferenceMode plain(false);
  for_each_lora(model, [](Layer& layer, Slot slot, const LoraLinear& lora) {
    layer.replace_linear(slot, std::make_unique<DenseLinear>(lora.merged()));
  });
  model.fuse();
}

void compose_lora(Model& model) {
  for_each_lora(model, [](Layer& layer, Slot slot, const LoraLinear& lora) {
    layer.replace_linear(slot, std::make_unique<DenseLinear>(lora.composed()));
  });
}

void use_lora_dropout(Model& model, bool on) {
  for_each_lora(model, [on](Layer&, Slot, LoraLinear& lora) { lora.use_dropout(on); });
}

bool is_lora(const Parameter& parameter) {
  return parameter.name.ends_with(".lora_a") || parameter.name.ends_with(".lora_b");
}

}  // namespace assay
