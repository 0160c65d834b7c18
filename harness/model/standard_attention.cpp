#include "harness/model/standard_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/rowwise_torch.h"
#include "harness/model/kv_cache.h"
#include "harness/model/rotation.h"
#include "harness/model/slot_index.h"

namespace assay {
namespace {

constexpr std::size_t kProjected = 3;  ///< q, k and v, the first of the slots
constexpr std::size_t kOut = 3;
constexpr Slot kAttentionSlots[] = {Slot::kQ, Slot::kK, Slot::kV, Slot::kO};

// The part of a mask that belongs to the last keys.
at::Tensor last_keys(const at::Tensor& mask, std::int64_t keys) {
  if (!mask.defined() || mask.size(-1) == keys) return mask;
  return mask.narrow(-1, mask.size(-1) - keys, keys);
}

bool are_plain(const std::vector<at::Tensor>& masks) {
  return std::none_of(masks.begin(), masks.end(), [](const auto& mask) { return mask.defined(); });
}

/// All as long as the first, one after the other, and without masks of their own.
bool are_a_batch(const std::vector<at::Tensor>& masks, const std::vector<Segment>& segments) {
  const std::int64_t length = segments.front().length;
  std::int64_t offset = 0;
  for (const Segment& segment : segments) {
    if (segment.length != length || segment.offset != offset) return false;
    offset += length;
  }
  return are_plain(masks);
}

std::vector<RowSpan> spans_of(const std::vector<Segment>& segments) {
  std::vector<RowSpan> spans;
  for (const Segment& segment : segments) spans.push_back({segment.offset, segment.length});
  return spans;
}

std::vector<RowSpan> spans_of(const StepContext& step) {
  std::vector<RowSpan> spans;
  for (std::int64_t i = 0; i < step.batch; ++i) spans.push_back({i * step.tokens, step.tokens});
  return spans;
}

AttentionHeads cut(const AttentionHeads& heads, const Segment& segment) {
  const auto part = [&](const at::Tensor& tensor) {
    return tensor.narrow(2, segment.offset, segment.length);
  };
  return {part(heads.query), part(heads.keys), part(heads.values)};
}

AttentionHeads as_batch(const AttentionHeads& heads, std::int64_t count) {
  const auto batched = [&](const at::Tensor& tensor) {
    return tensor[0].unflatten(1, {count, -1}).transpose(0, 1);
  };
  return {batched(heads.query), batched(heads.keys), batched(heads.values)};
}

/// [batch, heads, tokens, head_dim] -> [batch * tokens, heads * head_dim]
at::Tensor to_rows(const at::Tensor& context) {
  return context.transpose(1, 2).reshape({context.size(0) * context.size(2), -1});
}

}  // namespace

StandardAttention::StandardAttention(const AttentionShape& shape, DenseLinear q, DenseLinear k,
                                     DenseLinear v, DenseLinear o, QkNorms norms)
    : shape_(shape), norms_(std::move(norms)) {
  DenseLinear* const blocks[] = {&q, &k, &v, &o};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i] = std::make_unique<DenseLinear>(std::move(*blocks[i]));
  }
  fused_ = adjacent_linears(std::span(slots_).first(kProjected));
}

at::Tensor StandardAttention::project(const at::Tensor& rows) const {
  if (fused_ && !wants_gradient(std::span(slots_).first(kProjected))) return fused_->forward(rows);
  return at::cat({slots_[0]->forward(rows), slots_[1]->forward(rows), slots_[2]->forward(rows)}, 1);
}

at::Tensor StandardAttention::normed_and_clipped(at::Tensor qkv) const {
  // Without a gradient the rows, which are the caller's no more, are changed where they lie.
  const bool in_place = !needs_gradient(qkv, norms_.query.weight, norms_.key.weight);
  if (norms_.query.is_there()) qkv = normed(std::move(qkv), in_place);
  if (shape_.clip == 0) return qkv;
  return in_place ? qkv.clamp_(-shape_.clip, shape_.clip) : qkv.clamp(-shape_.clip, shape_.clip);
}

at::Tensor StandardAttention::normed(at::Tensor qkv, bool in_place) const {
  const std::int64_t queries = shape_.heads * shape_.head_dim;
  const std::int64_t keys = shape_.kv_heads * shape_.head_dim;
  const auto heads = [&](const NormBlock& norm, const at::Tensor& part) {
    return norm.forward(part.reshape({-1, norm.weight.size(0)})).view(part.sizes());
  };
  const at::Tensor q = qkv.narrow(1, 0, queries), k = qkv.narrow(1, queries, keys);
  if (!in_place) {
    return at::cat(
        {heads(norms_.query, q), heads(norms_.key, k), qkv.narrow(1, queries + keys, keys)}, 1);
  }
  q.copy_(heads(norms_.query, q));
  k.copy_(heads(norms_.key, k));
  return qkv;
}

at::Tensor StandardAttention::rotate(at::Tensor qkv, const StepContext& step) const {
  qkv = normed_and_clipped(std::move(qkv));
  if (!step.rope_cos.defined()) return qkv;
  return rotate_heads(std::move(qkv), shape_.heads + shape_.kv_heads, shape_.head_dim,
                      step.rope_cos, step.rope_sin, shape_.interleaved);
}

AttentionHeads StandardAttention::split(const at::Tensor& qkv, const StepContext& step) const {
  const std::int64_t all = shape_.heads + 2 * shape_.kv_heads;
  const at::Tensor heads =
      qkv.view({step.batch, step.tokens, all, shape_.head_dim}).transpose(1, 2);
  return {heads.narrow(1, 0, shape_.heads), heads.narrow(1, shape_.heads, shape_.kv_heads),
          heads.narrow(1, shape_.heads + shape_.kv_heads, shape_.kv_heads)};
}

std::int64_t StandardAttention::first_key(const StepContext& step) const {
  if (step.tokens != 1 || shape_.sliding_window == 0) return 0;
  return std::max<std::int64_t>(0, step.cache->length() + 1 - shape_.sliding_window);
}

AttentionHeads StandardAttention::store(const at::Tensor& qkv, const StepContext& step) const {
  AttentionHeads heads = split(qkv, step);
  if (step.cache == nullptr) return heads;
  at::Tensor& keys = step.cache->keys(step.layer);
  at::Tensor& values = step.cache->values(step.layer);
  const std::int64_t begin = step.cache->length(), end = begin + step.tokens;
  if (step.tokens == 1 && cpu_kernels_apply(qkv)) {
    append_one_cpu(qkv, shape_.heads, begin, keys, values);
  } else {
    keys.narrow(2, begin, step.tokens).copy_(heads.keys);
    values.narrow(2, begin, step.tokens).copy_(heads.values);
  }
  if (begin == 0) return heads;
  const std::int64_t first = first_key(step);
  heads.keys = keys.narrow(2, first, end - first);
  heads.values = values.narrow(2, first, end - first);
  return heads;
}

StandardAttention::Path StandardAttention::path(const at::Tensor& qkv,
                                                const StepContext& step) const {
  if (step.visibility.segments != nullptr) return Path::kSegments;
  const bool plain = !step.seen.mask.defined();
  if (step.tokens == 1) {
    const bool cached =
        step.cache != nullptr && plain && shape_.softcap == 0 && cpu_kernels_apply(qkv);
    return cached ? Path::kCachedQuery : Path::kOneQuery;
  }
  const bool alone = step.cache == nullptr || step.cache->length() == 0;
  return alone && plain && blocks_apply(qkv, step) ? Path::kBlocks : Path::kGeneral;
}

at::Tensor StandardAttention::scaled_product(const AttentionHeads& heads, const at::Tensor& mask,
                                             const StepContext& step) const {
  const bool causal = step.seen.causal && heads.query.size(2) > 1;
  return attention_product(heads.query, heads.keys, heads.values,
                           {mask, causal, step.attention_dropout}, shape_.scores());
}

bool StandardAttention::blocks_apply(const at::Tensor& qkv, const StepContext& step) const {
  return step.attention_dropout == 0 && shape_.softcap == 0 &&
         blocked_attention_applies(qkv, shape_.layout());
}

at::Tensor StandardAttention::attend_segments(const at::Tensor& qkv, const AttentionHeads& heads,
                                              const StepContext& step) const {
  const std::vector<Segment>& segments = *step.visibility.segments;
  const std::vector<at::Tensor>& masks = step.seen.segment_masks;
  if (are_plain(masks) && blocks_apply(qkv, step)) {
    return blocked_attention(qkv, spans_of(segments), shape_.layout(), step.seen.causal);
  }
  if (are_a_batch(masks, segments)) {
    const auto count = static_cast<std::int64_t>(segments.size());
    return to_rows(scaled_product(as_batch(heads, count), {}, step));
  }
  std::vector<at::Tensor> contexts;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    contexts.push_back(to_rows(scaled_product(cut(heads, segments[i]), masks[i], step)));
  }
  return at::cat(contexts);
}

// The group takes the place of the tokens, so that keys need not be repeated for grouped queries.
at::Tensor StandardAttention::attend_one(const AttentionHeads& heads,
                                         const StepContext& step) const {
  const std::int64_t group = shape_.heads / shape_.kv_heads;
  at::Tensor mask = last_keys(step.seen.mask, heads.keys.size(2));
  if (mask.defined()) mask = mask.view({1, shape_.kv_heads, group, mask.size(-1)});
  return attention_product(
             heads.query.reshape({step.batch, shape_.kv_heads, group, shape_.head_dim}), heads.keys,
             heads.values, {mask}, shape_.scores())
      .reshape({step.batch, shape_.heads * shape_.head_dim});
}

at::Tensor StandardAttention::attend(const at::Tensor& qkv, const AttentionHeads& heads,
                                     const StepContext& step) const {
  switch (path(qkv, step)) {
    case Path::kSegments:
      return attend_segments(qkv, heads, step);
    case Path::kCachedQuery:
      return attend_one_cpu(qkv, step.cache->keys(step.layer), step.cache->values(step.layer),
                            shape_.heads, first_key(step), step.cache->length() + 1,
                            shape_.layout().score_scale());
    case Path::kBlocks:
      return blocked_attention(qkv, spans_of(step), shape_.layout(), step.seen.causal);
    case Path::kOneQuery:
      return attend_one(heads, step);
    case Path::kGeneral:
      break;
  }
  return to_rows(scaled_product(heads, last_keys(step.seen.mask, heads.keys.size(2)), step));
}

at::Tensor StandardAttention::combine(const at::Tensor& context) const {
  return slots_[kOut]->forward(context);
}

at::Tensor StandardAttention::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kQkvInput, rows);
  const at::Tensor qkv = rotate(project(rows), step);
  const at::Tensor context = attend(qkv, store(qkv, step), step);
  step.record(Tap::kOutInput, context);
  return combine(context);
}

Linear* StandardAttention::linear(Slot slot) const {
  const std::size_t index = index_in(kAttentionSlots, slot);
  return index < slots_.size() ? slots_[index].get() : nullptr;
}

void StandardAttention::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  const std::size_t index = index_in(kAttentionSlots, slot);
  if (index >= slots_.size()) {
    throw std::logic_error(std::string("attention has no slot '") + slot_name(slot) + "'");
  }
  slots_[index] = std::move(block);
  if (index < kProjected) fused_.reset();
}

void StandardAttention::visit_tensors(const VisitTensor& visit) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (i == kOut) visit_norms(visit);
    slots_[i]->visit_tensors(visit_part(visit, std::string(slot_name(kAttentionSlots[i])) + "."));
  }
  // The visitor may have put others in their place.
  fused_ = adjacent_linears(std::span(slots_).first(kProjected));
}

void StandardAttention::visit_norms(const VisitTensor& visit) {
  norms_.query.visit_tensors(visit_part(visit, "q_norm."));
  norms_.key.visit_tensors(visit_part(visit, "k_norm."));
}

void StandardAttention::fuse() { fused_ = fuse_linears(std::span(slots_).first(kProjected)); }

Cost StandardAttention::cost() const {
  Cost cost;
  for (const auto& slot : slots_) cost += slot->cost();
  for (const NormBlock* norm : {&norms_.query, &norms_.key}) cost += norm->cost();
  return cost;
}

DenseForm StandardAttention::dense_form() const {
  if (typeid(*this) != typeid(StandardAttention)) return Attention::dense_form();
  DenseForm form;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    form.add(std::string(slot_name(kAttentionSlots[i])) + ".", slots_[i]->dense_form());
  }
  for (const auto& [slot, norm] :
       {std::pair(Slot::kQNorm, &norms_.query), std::pair(Slot::kKNorm, &norms_.key)}) {
    if (norm->weight.defined()) form.tensors[parameter_name({-1, slot})] = norm->weight;
  }
  return form;
}

void StandardAttention::share_into(StandardAttention& twin) const {
  twin.shape_ = shape_;
  twin.norms_ = norms_;
  for (std::size_t i = 0; i < slots_.size(); ++i) twin.slots_[i] = slots_[i]->share();
  twin.fused_ = fused_;
}

std::unique_ptr<Attention> StandardAttention::share() const {
  auto twin = std::unique_ptr<StandardAttention>(new StandardAttention());
  share_into(*twin);
  return twin;
}

}  // namespace assay
