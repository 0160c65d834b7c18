#include "harness/contextual/late_keys.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "harness/model/kernels/linear.h"
#include "harness/model/kv_cache.h"
#include "harness/model/prompted_rows.h"
#include "harness/model/rotation.h"

namespace assay {
namespace {

/// chosen bool [n, kMostWaiting, kv_heads]: whether the tokens since all keys were there, each
/// row's own last, needed a head; true in front of the first. full bool [n]: there are so many that
/// none waits any longer. -> int64 [n, kv_heads]
at::Tensor rows_due(const at::Tensor& chosen, const at::Tensor& full) {
  const at::Tensor before = chosen.narrow(1, 0, kMostWaiting - 1).flip(1);
  const at::Tensor waiting = before.cumsum(1).eq(0).sum(1);
  const at::Tensor now = chosen.select(1, kMostWaiting - 1).logical_or(full.unsqueeze(1));
  return waiting.add(1).mul(now);
}

/// int64 [n, wanted] with -1 in front.
at::Tensor padded(const at::Tensor& rows, std::int64_t wanted) {
  const std::int64_t missing = wanted - rows.size(1);
  if (missing <= 0) return rows;
  return at::cat({at::full({rows.size(0), missing}, -1, rows.options()), rows}, 1);
}

/// int64 [length, kMostWaiting]: rows of one sequence, counted from its first, that a token of it
/// has behind the last at which all keys were computed, its own last; -1 in front.
at::Tensor waiting_rows(const Segment& sequence, at::Device device) {
  const at::Tensor rows = at::arange(sequence.length, at::TensorOptions(at::kLong).device(device));
  const at::Tensor back =
      at::arange(kMostWaiting - 1, -1, -1, rows.options()).unsqueeze(0);  // 15, 14, ... 0
  at::Tensor depth = rows, path = rows.unsqueeze(1).sub(back);
  if (sequence.mask.defined()) {
    depth = sequence.mask.sum(1).sub(1);
    const at::Tensor seen = at::where(sequence.mask, rows.unsqueeze(0), -1);
    const std::int64_t last = std::min(kMostWaiting, sequence.length);
    path = padded(std::get<0>(seen.topk(last, 1)).flip(1), kMostWaiting);
  }
  return at::where(back.le(depth.remainder(kMostWaiting).unsqueeze(1)), path, -1);
}

at::Tensor clipped(const at::Tensor& rows, const AttentionShape& shape) {
  return shape.clip > 0 ? rows.clamp(-shape.clip, shape.clip) : rows;
}

}  // namespace

at::Tensor rows_due_if_decoded(const StepContext& step, const at::Tensor& keyed) {
  std::vector<at::Tensor> parts;
  for (const Segment& sequence : sequences_of(step)) {
    const at::Tensor rows = waiting_rows(sequence, keyed.device());
    const at::Tensor known = keyed.narrow(0, sequence.offset, sequence.length)
                                 .index_select(0, rows.clamp_min(0).flatten())
                                 .view({sequence.length, kMostWaiting, -1});
    parts.push_back(rows_due(known.logical_or(rows.lt(0).unsqueeze(2)), rows.select(1, 0).ge(0)));
  }
  return at::cat(parts);
}

void LateKeys::restart(std::int64_t length) {
  tokens_.clear();
  begin_ = length;
}

void LateKeys::follow(std::int64_t length) {
  const std::int64_t kept = length - begin_;
  if (kept <= 0 || kept > size()) return restart(length);
  tokens_.resize(static_cast<std::size_t>(kept));
}

at::Tensor LateKeys::note(const StepContext& step, const at::Tensor& keyed, const at::Tensor& row) {
  follow(step.cache->length());
  const bool counted_only = !tokens_.empty() && !tokens_.back().row.defined();
  if (size() == kMostWaiting || (row.defined() && counted_only)) restart(step.cache->length());
  tokens_.push_back({keyed, row, step.rope_cos, step.rope_sin});
  std::vector<at::Tensor> chosen(static_cast<std::size_t>(kMostWaiting - size()),
                                 at::ones_like(keyed));
  for (const Token& token : tokens_) chosen.push_back(token.keyed);
  const bool full = size() == kMostWaiting;
  return rows_due(at::stack(chosen, 1), at::full({keyed.size(0)}, full, keyed.options()));
}

void LateKeys::compute_head(const StandardAttention& attention, const StepContext& step,
                            std::int64_t head, std::int64_t count) const {
  std::vector<at::Tensor> rows, cos, sin;
  for (std::int64_t i = size() - count; i < size(); ++i) {
    const Token& token = tokens_[static_cast<std::size_t>(i)];
    rows.push_back(token.row);
    cos.push_back(token.cos);
    sin.push_back(token.sin);
  }
  const std::int64_t width = attention.shape().head_dim;
  const auto product = [&](Slot slot) {
    const auto& linear = dynamic_cast<const DenseLinear&>(*attention.linear(slot));
    const auto part = [&](const at::Tensor& all) {
      return all.defined() ? all.narrow(0, head * width, width) : all;
    };
    return dense_product(at::cat(rows), part(linear.weight()), part(linear.bias()));
  };
  at::Tensor keys = attention.norms().key.forward(clipped(product(Slot::kK), attention.shape()));
  if (cos.front().defined()) {
    keys = rotate_heads(keys, 1, width, at::cat(cos), at::cat(sin), attention.shape().interleaved);
  }
  const auto place = [&](at::Tensor& cached) {
    return cached.select(0, 0).select(0, head).narrow(0, begin_ + size() - count, count);
  };
  place(step.cache->keys(step.layer)).copy_(keys);
  place(step.cache->values(step.layer)).copy_(clipped(product(Slot::kV), attention.shape()));
}

void LateKeys::compute(const StandardAttention& attention, const StepContext& step,
                       const at::Tensor& due) const {
  for (std::int64_t head = 0; head < due.size(0); ++head) {
    const std::int64_t count = due[head].item<std::int64_t>();
    if (count > 0) compute_head(attention, step, head, count);
  }
}

void LateKeys::finish(const StandardAttention& attention, const StepContext& step) {
  follow(step.cache->length());
  if (tokens_.empty() || !tokens_.back().row.defined()) return;
  std::vector<at::Tensor> chosen;
  for (const Token& token : tokens_) chosen.push_back(token.keyed.select(0, 0));
  const at::Tensor since = at::stack(chosen).flip(0).cumsum(0).eq(0).sum(0);
  if (size() < kMostWaiting) compute(attention, step, since.cpu());
  restart(step.cache->length());
}

}  // namespace assay
