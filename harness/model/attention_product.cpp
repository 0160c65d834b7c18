#include "harness/model/attention_product.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>
#include <utility>

#include "harness/model/kernels/gradients.h"

namespace assay {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

at::Tensor repeated(const at::Tensor& heads, std::int64_t times) {
  return times == 1 ? heads : heads.repeat_interleave(times, 1);
}

// Scores are as large as a window is long twice: without a gradient they are changed where they
// lie.
at::Tensor capped(at::Tensor scores, double scale, double cap) {
  if (needs_gradient(scores)) return scores.mul(scale).div(cap).tanh().mul(cap);
  return scores.mul_(scale).div_(cap).tanh_().mul_(cap);
}

at::Tensor filled(at::Tensor scores, const at::Tensor& unseen) {
  return needs_gradient(scores) ? scores.masked_fill(unseen, kNever)
                                : scores.masked_fill_(unseen, kNever);
}

at::Tensor masked(at::Tensor scores, const ScoreMask& mask) {
  if (mask.mask.defined() && mask.mask.scalar_type() != at::kBool) {
    return needs_gradient(scores, mask.mask) ? scores.add(mask.mask) : scores.add_(mask.mask);
  }
  if (mask.mask.defined()) return filled(std::move(scores), mask.mask.logical_not());
  if (!mask.causal) return scores;
  const at::Tensor unseen =
      at::ones({scores.size(-2), scores.size(-1)}, scores.options().dtype(at::kBool)).triu(1);
  return filled(std::move(scores), unseen);
}

at::Tensor written_out(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                       const ScoreMask& mask, const ScoreForm& form) {
  const std::int64_t group = query.size(1) / keys.size(1);
  const double scale = form.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(3))));
  const auto wide = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor scores = at::matmul(query, repeated(keys, group).transpose(2, 3)).to(wide);
  scores = masked(capped(std::move(scores), scale, form.softcap), mask);
  const at::Tensor weights = at::softmax(scores, -1);
  return at::matmul(at::dropout(weights, mask.dropout, mask.dropout > 0).to(query.scalar_type()),
                    repeated(values, group));
}

}  // namespace

at::Tensor attention_product(const at::Tensor& query, const at::Tensor& keys,
                             const at::Tensor& values, const ScoreMask& mask,
                             const ScoreForm& form) {
  if (form.softcap > 0) return written_out(query, keys, values, mask, form);
  return at::scaled_dot_product_attention(
      query, keys, values, mask.mask.defined() ? std::optional(mask.mask) : std::nullopt,
      mask.dropout, mask.causal && !mask.mask.defined(), form.scale, query.size(1) != keys.size(1));
}

}  // namespace assay
