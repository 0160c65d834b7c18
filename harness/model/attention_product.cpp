#include "harness/model/attention_product.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

namespace assay {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

at::Tensor repeated(const at::Tensor& heads, std::int64_t times) {
  return times == 1 ? heads : heads.repeat_interleave(times, 1);
}

at::Tensor masked(const at::Tensor& scores, const ScoreMask& mask) {
  if (mask.mask.defined() && mask.mask.scalar_type() != at::kBool) return scores.add(mask.mask);
  if (mask.mask.defined()) return scores.masked_fill(mask.mask.logical_not(), kNever);
  if (!mask.causal) return scores;
  const at::Tensor seen =
      at::ones({scores.size(-2), scores.size(-1)}, scores.options().dtype(at::kBool)).tril();
  return scores.masked_fill(seen.logical_not(), kNever);
}

at::Tensor written_out(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                       const ScoreMask& mask, const ScoreForm& form) {
  const std::int64_t group = query.size(1) / keys.size(1);
  const double scale = form.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(3))));
  const auto wide = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor scores =
      at::matmul(query, repeated(keys, group).transpose(2, 3)).to(wide).mul(scale);
  const at::Tensor capped = scores.div(form.softcap).tanh().mul(form.softcap);
  const at::Tensor weights = at::softmax(masked(capped, mask), -1);
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
