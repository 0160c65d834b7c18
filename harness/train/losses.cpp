#include "harness/train/losses.h"

#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mse_loss.h>

#include <optional>

namespace assay {
namespace {

std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

at::Tensor log_probabilities(const at::Tensor& scores, double temperature) {
  return at::log_softmax(scores.to(at::kFloat).div(temperature), 1);
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& scores, const at::Tensor& targets) {
  return at::cross_entropy_loss(scores.to(at::kFloat), targets);
}

at::Tensor binary_cross_entropy(const at::Tensor& scores, const at::Tensor& targets,
                                const BinaryWeights& weights) {
  return at::binary_cross_entropy_with_logits(scores.to(at::kFloat), targets.to(at::kFloat),
                                              if_defined(weights.element),
                                              if_defined(weights.positive));
}

at::Tensor mean_squared_error(const at::Tensor& found, const at::Tensor& wanted) {
  return at::mse_loss(found.to(at::kFloat), wanted.to(at::kFloat));
}

at::Tensor distillation_loss(const at::Tensor& student, const at::Tensor& teacher,
                             double temperature) {
  const at::Tensor wanted = log_probabilities(teacher.detach(), temperature);
  const at::Tensor found = log_probabilities(student, temperature);
  const auto rows = static_cast<double>(student.size(0));
  return at::kl_div(found, wanted, at::Reduction::Sum, true).mul(temperature * temperature / rows);
}

}  // namespace assay
