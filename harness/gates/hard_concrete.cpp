#include "harness/gates/hard_concrete.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

namespace assay::gates {
namespace {

/// T ln(-low / high): the logit at which a gate is as likely 0 as not.
double balance() { return kTemperature * std::log(-kLow / kHigh); }

}  // namespace

at::Tensor sampled_gates(const at::Tensor& logits, const at::Tensor& uniform) {
  const at::Tensor noise = at::log(uniform) - at::log(1 - uniform);
  const at::Tensor concrete = at::sigmoid((noise + logits) / kTemperature);
  return (concrete * (kHigh - kLow) + kLow).clamp(0, 1);
}

at::Tensor open_probability(const at::Tensor& logits) {
  return 1 - at::sigmoid(balance() - logits).clamp(kEpsilon, 1 - kEpsilon);
}

at::Tensor soft_gates(const at::Tensor& logits) {
  return at::sigmoid(logits / kTemperature * kSoftScale);
}

at::Tensor settled_gates(const at::Tensor& logits) {
  const at::NoGradGuard no_grad;
  const at::Tensor expected =
      static_cast<double>(logits.size(-1)) - open_probability(logits).sum(-1, /*keepdim=*/true);
  const at::Tensor closed = expected.round();  // half to even
  const at::Tensor soft = soft_gates(logits);
  // Rank of each gate from below: equal ones by their place.
  const at::Tensor ranks = soft.argsort(/*stable=*/true, -1, /*descending=*/false)
                               .argsort(/*stable=*/true, -1, /*descending=*/false);
  return at::where(ranks.lt(closed), at::zeros_like(soft), soft);
}

at::Tensor settled_alone(const at::Tensor& logits) {
  const at::NoGradGuard no_grad;
  const at::Tensor soft = soft_gates(logits);
  return at::where(open_probability(logits).lt(0.5), at::zeros_like(soft), soft);
}

void clamp_logits(at::Tensor& logits) {
  const at::NoGradGuard no_grad;
  logits.clamp_(kSmallestLogit, kLargestLogit);
}

}  // namespace assay::gates
