#include "harness/model/attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <stdexcept>

#include "harness/model/kernels/attention_torch.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/rowwise_torch.h"
#include "harness/model/model.h"
#include "harness/model/rotation.h"

namespace assay {
namespace {

at::Tensor rows_of(const at::Tensor& tensor, std::int64_t begin, std::int64_t count) {
  return tensor.defined() ? tensor.narrow(0, begin, count) : tensor;
}

// The part of a mask that belongs to the last keys.
at::Tensor last_keys(const at::Tensor& mask, std::int64_t keys) {
  if (!mask.defined() || mask.size(-1) == keys) return mask;
  return mask.narrow(-1, mask.size(-1) - keys, keys);
}

bool is_plain(const std::vector<at::Tensor>& masks, const std::vector<Segment>& segments) {
  return std::none_of(masks.begin(), masks.end(), [](const auto& m) { return m.defined(); }) &&
         std::all_of(segments.begin(), segments.end(), [&](const Segment& segment) {
           return segment.length == segments.front().length;
         });
}

}  // namespace

StandardAttention::StandardAttention(const AttentionShape& shape, DenseLinear qkv, DenseLinear out)
    : shape_(shape), fused_(std::move(qkv)) {
  view_fused();
  slots_[3] = std::make_unique<DenseLinear>(std::move(out));
}

void StandardAttention::view_fused() {
  const std::int64_t query = shape_.heads * shape_.head_dim;
  const std::int64_t key = shape_.kv_heads * shape_.head_dim;
  const std::array<std::int64_t, 3> begins = {0, query, query + key};
  const std::array<std::int64_t, 3> counts = {query, key, key};
  for (std::size_t i = 0; i < begins.size(); ++i) {
    slots_[i] = std::make_unique<DenseLinear>(rows_of(fused_->weight(), begins[i], counts[i]),
                                              rows_of(fused_->bias(), begins[i], counts[i]));
  }
}

at::Tensor StandardAttention::project(const at::Tensor& rows) const {
  if (fused_) return fused_->forward(rows);
  return at::cat({slots_[0]->forward(rows), slots_[1]->forward(rows), slots_[2]->forward(rows)}, 1);
}

at::Tensor StandardAttention::attend_one(const at::Tensor& query, const at::Tensor& key,
                                         const at::Tensor& value, const at::Tensor& mask) const {
  const bool causal = !mask.defined() && query.size(2) > 1;
  return at::scaled_dot_product_attention(query, key, value,
                                          mask.defined() ? std::optional(mask) : std::nullopt, 0.0,
                                          causal, std::nullopt, shape_.heads != shape_.kv_heads);
}

at::Tensor StandardAttention::attend_segments(const at::Tensor& query, const at::Tensor& key,
                                              const at::Tensor& value,
                                              const StepContext& step) const {
  const std::vector<Segment>& segments = *step.segments;
  const std::int64_t rows = query.size(2);
  at::Tensor context = at::empty({rows, shape_.heads * shape_.head_dim}, query.options());
  const auto cut = [](const at::Tensor& heads, const Segment& segment) {
    return heads.narrow(2, segment.offset, segment.length);
  };
  if (is_plain(step.segment_masks, segments) && segments.front().offset == 0) {
    const auto count = static_cast<std::int64_t>(segments.size());
    const auto batched = [&](const at::Tensor& heads) {
      return heads[0].unflatten(1, {count, -1}).transpose(0, 1);
    };
    return attend_one(batched(query), batched(key), batched(value), {})
        .transpose(1, 2)
        .reshape({rows, -1});
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    const at::Tensor part = attend_one(cut(query, segment), cut(key, segment), cut(value, segment),
                                       step.segment_masks[i]);
    context.narrow(0, segment.offset, segment.length)
        .view({1, segment.length, shape_.heads, shape_.head_dim})
        .copy_(part.transpose(1, 2));
  }
  return context;
}

std::int64_t StandardAttention::first_key(const StepContext& step) const {
  if (step.tokens != 1 || shape_.sliding_window == 0) return 0;
  return std::max<std::int64_t>(0, step.cache->length() + 1 - shape_.sliding_window);
}

at::Tensor StandardAttention::attend(const at::Tensor& qkv, StepContext& step) const {
  if (step.tokens == 1 && step.cache != nullptr && !step.mask.defined() && plain_cpu(qkv)) {
    at::Tensor& keys = step.cache->keys(step.layer);
    at::Tensor& values = step.cache->values(step.layer);
    append_one_cpu(qkv, shape_.heads, step.cache->length(), keys, values);
    return attend_one_cpu(qkv, keys, values, shape_.heads, first_key(step),
                          step.cache->length() + 1);
  }
  const std::int64_t all = shape_.heads + 2 * shape_.kv_heads;
  const at::Tensor heads =
      qkv.view({step.batch, step.tokens, all, shape_.head_dim}).transpose(1, 2);
  at::Tensor query = heads.narrow(1, 0, shape_.heads);
  at::Tensor key = heads.narrow(1, shape_.heads, shape_.kv_heads);
  at::Tensor value = heads.narrow(1, shape_.heads + shape_.kv_heads, shape_.kv_heads);
  if (step.segments != nullptr) return attend_segments(query, key, value, step);
  at::Tensor mask = step.mask;
  if (step.cache != nullptr) {
    const std::int64_t begin = step.cache->length();
    const std::int64_t end = begin + step.tokens;
    at::Tensor& keys = step.cache->keys(step.layer);
    at::Tensor& values = step.cache->values(step.layer);
    keys.narrow(2, begin, step.tokens).copy_(key);
    values.narrow(2, begin, step.tokens).copy_(value);
    const std::int64_t first = first_key(step);
    if (begin > 0) {
      key = keys.narrow(2, first, end - first);
      value = values.narrow(2, first, end - first);
    }
    mask = last_keys(mask, end - first);
  }
  const HeadLayout layout{shape_.heads, shape_.kv_heads, shape_.head_dim};
  const bool alone = step.cache == nullptr || step.cache->length() == 0;
  if (step.tokens > 1 && alone && !mask.defined() && causal_attention_applies(qkv, layout)) {
    return causal_attention(qkv, step.batch, layout);
  }
  if (step.tokens == 1) {
    // One query a group of heads: the group takes the place of the tokens, so that the keys need
    // not be repeated for grouped queries.
    const std::int64_t group = shape_.heads / shape_.kv_heads;
    query = query.reshape({step.batch, shape_.kv_heads, group, shape_.head_dim});
    if (mask.defined()) mask = mask.view({1, shape_.kv_heads, group, mask.size(-1)});
    const auto bias = mask.defined() ? std::optional(mask) : std::nullopt;
    return at::scaled_dot_product_attention(query, key, value, bias)
        .reshape({step.batch, shape_.heads * shape_.head_dim});
  }
  return attend_one(query, key, value, mask)
      .transpose(1, 2)
      .reshape({step.batch * step.tokens, shape_.heads * shape_.head_dim});
}

at::Tensor StandardAttention::forward(const at::Tensor& rows, StepContext& step) const {
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kQkvInput, rows, step);
  at::Tensor qkv = project(rows);
  if (step.rope_cos.defined()) {
    rotate_heads(qkv, shape_.heads + shape_.kv_heads, shape_.head_dim, step.rope_cos,
                 step.rope_sin);
  }
  const at::Tensor context = attend(qkv, step);
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kOutInput, context, step);
  return slots_[3]->forward(context);
}

Linear* StandardAttention::linear(LinearRole role) const {
  const auto index = static_cast<std::size_t>(role);
  return index < slots_.size() ? slots_[index].get() : nullptr;
}

void StandardAttention::replace_linear(LinearRole role, std::unique_ptr<Linear> block) {
  const auto index = static_cast<std::size_t>(role);
  if (index >= slots_.size()) {
    throw std::logic_error(std::string("attention has no slot '") + role_name(role) + "'");
  }
  slots_[index] = std::move(block);
  if (index < 3) fused_.reset();
}

Cost StandardAttention::cost() const {
  Cost cost;
  for (const auto& slot : slots_) cost += slot->cost();
  return cost;
}

std::unique_ptr<Attention> StandardAttention::clone() const {
  auto copy = std::unique_ptr<StandardAttention>(new StandardAttention());
  copy->shape_ = shape_;
  for (std::size_t i = fused_ ? 3 : 0; i < slots_.size(); ++i) copy->slots_[i] = slots_[i]->clone();
  if (fused_) {
    const at::Tensor& bias = fused_->bias();
    copy->fused_.emplace(copy_on_large_pages(fused_->weight()),
                         bias.defined() ? bias.clone() : bias);
    copy->view_fused();
  }
  return copy;
}

}  // namespace assay
