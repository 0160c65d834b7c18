#include "harness/train/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

namespace assay {
namespace {

void require_trainable(const TrainedTensor& trained) {
  const at::Tensor& t = trained.tensor;
  const bool fine = t.defined() && t.scalar_type() == at::kFloat && t.is_contiguous() &&
                    t.is_leaf() && t.requires_grad();
  if (fine) return;
  throw std::logic_error(fmt::format(
      "{}: only contiguous leaves in f32 that ask for their gradient are trained", trained.name));
}

/// Arguments of one call: tensors with equal decay and rate.
struct Group {
  std::vector<at::Tensor> tensors, gradients, first, second, steps;
};

std::vector<at::Tensor> gradients_of(std::span<const TrainedTensor> tensors) {
  std::vector<at::Tensor> all;
  for (const TrainedTensor& trained : tensors) {
    if (trained.tensor.grad().defined()) all.push_back(trained.tensor.grad());
  }
  return all;
}

}  // namespace

AdamW::AdamW(std::vector<TrainedTensor> tensors, const AdamWSettings& settings)
    : tensors_(std::move(tensors)), settings_(settings) {
  for (const TrainedTensor& trained : tensors_) {
    require_trainable(trained);
    moments_.push_back({at::zeros_like(trained.tensor), at::zeros_like(trained.tensor),
                        at::zeros({}, trained.tensor.options())});
  }
}

void AdamW::step(double rate) {
  const at::NoGradGuard guard;
  std::map<std::pair<double, double>, Group> groups;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TrainedTensor& trained = tensors_[i];
    if (!trained.tensor.grad().defined()) continue;
    Group& group = groups[{trained.weight_decay, trained.rate_factor}];
    group.tensors.push_back(trained.tensor);
    group.gradients.push_back(trained.tensor.grad().contiguous());
    group.first.push_back(moments_[i].first);
    group.second.push_back(moments_[i].second);
    group.steps.push_back(moments_[i].steps.add_(1));
  }
  for (auto& [how, g] : groups) {
    at::_fused_adamw_(g.tensors, g.gradients, g.first, g.second, {}, g.steps, rate * how.second,
                      settings_.beta1, settings_.beta2, how.first, settings_.epsilon, false, false);
  }
}

void AdamW::clear_gradients() {
  for (const TrainedTensor& trained : tensors_) trained.tensor.mutable_grad().reset();
}

double gradient_norm(std::span<const TrainedTensor> tensors) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> norms;
  for (const at::Tensor& gradient : gradients_of(tensors)) {
    norms.push_back(at::linalg_vector_norm(gradient));
  }
  return norms.empty() ? 0 : at::linalg_vector_norm(at::stack(norms)).item<double>();
}

void clip_gradients(std::span<const TrainedTensor> tensors, double norm, double largest) {
  const at::NoGradGuard guard;
  // In f32 and in this order, as torch computes it there.
  const float factor = 1.0F / (static_cast<float>(norm) + 1e-6F) * static_cast<float>(largest);
  if (factor >= 1) return;
  for (at::Tensor& gradient : gradients_of(tensors)) gradient.mul_(factor);
}

}  // namespace assay
