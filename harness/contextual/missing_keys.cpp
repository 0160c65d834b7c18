#include "harness/contextual/missing_keys.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include <limits>

#include "harness/contextual/named_choice.h"
#include "harness/model/kv_cache.h"

namespace assay {
namespace {

/// Of the sequences of a cache.
struct Noted {
  at::Tensor there;  ///< bool [batch, kv_heads, capacity]
};

/// bool [queries, keys]: the last keys are the queries' own.
struct Places {
  at::Tensor own, seen;
};

Places places_of(std::int64_t queries, std::int64_t keys, bool causal, at::Device device) {
  const at::Tensor columns = at::arange(keys, at::TensorOptions(at::kLong).device(device));
  const at::Tensor row = columns.narrow(0, keys - queries, queries).unsqueeze(1);
  const at::Tensor own = columns.eq(row);
  return {own, causal ? columns.le(row) : at::ones_like(own)};
}

/// Heads [first, first + count) of those that have keys.
struct Part {
  std::int64_t first, count;
};

/// What the scores of a part get: bool or, with a bias, f32 [batch, its heads, queries, keys], the
/// heads 1 where all are alike. `base`: as LayerVisibility has it, or undefined.
at::Tensor scores_mask(const at::Tensor& there, const at::Tensor& base, const Places& places,
                       std::int64_t group, Part part) {
  const at::Tensor known =
      there.narrow(1, part.first, part.count).unsqueeze(2).logical_or(places.own);
  const at::Tensor each = part.count == 1 ? known : known.repeat_interleave(group, 1);
  if (!base.defined()) return each.logical_and(places.seen);
  if (base.scalar_type() == at::kBool) return each.logical_and(base);
  const at::Tensor bias = base.narrow(1, part.first * group, part.count * group);
  return at::where(each, bias, -std::numeric_limits<float>::infinity());
}

/// One sequence, or a batch of them. Masks of all heads of many tokens would be too large.
at::Tensor attend_part(const AttentionShape& shape, const AttentionHeads& heads,
                       const at::Tensor& there, const at::Tensor& base, const StepContext& step) {
  const std::int64_t queries = heads.query.size(2), keys = heads.keys.size(2);
  const std::int64_t group = shape.heads / shape.kv_heads;
  const Places places = places_of(queries, keys, step.seen.causal, there.device());
  const std::int64_t at_once = queries == 1 ? shape.kv_heads : 1;
  std::vector<at::Tensor> contexts;
  for (std::int64_t first = 0; first < shape.kv_heads; first += at_once) {
    const at::Tensor mask = scores_mask(there, base, places, group, {first, at_once});
    contexts.push_back(attention_product(heads.query.narrow(1, first * group, at_once * group),
                                         heads.keys.narrow(1, first, at_once),
                                         heads.values.narrow(1, first, at_once),
                                         {mask, false, step.attention_dropout}, shape.scores()));
  }
  const at::Tensor context = contexts.size() == 1 ? contexts.front() : at::cat(contexts, 1);
  return context.transpose(1, 2).reshape({context.size(0) * queries, -1});
}

at::Tensor attend_segments(const AttentionShape& shape, const AttentionHeads& heads,
                           const at::Tensor& there, const StepContext& step) {
  const std::vector<Segment>& segments = *step.visibility.segments;
  std::vector<at::Tensor> contexts;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto part = [&](const at::Tensor& tensor) {
      return tensor.narrow(2, segments[i].offset, segments[i].length);
    };
    contexts.push_back(attend_part(shape, {part(heads.query), part(heads.keys), part(heads.values)},
                                   part(there), step.seen.segment_masks[i], step));
  }
  return at::cat(contexts);
}

}  // namespace

const std::vector<std::string>& missing_keys_names() {
  static const std::vector<std::string> names{"dense", "recompute", "absent"};
  return names;
}

MissingKeys missing_keys_from_name(const std::string& name) {
  return named_choice<MissingKeys>(missing_keys_names(), name);
}

at::Tensor key_heads_of(const AttentionShape& shape, const at::Tensor& masks) {
  if (shape.heads == shape.kv_heads) return masks;
  return masks.unflatten(1, {shape.kv_heads, shape.heads / shape.kv_heads}).any(2);
}

at::Tensor keys_there(const void* block, const StepContext& step, const at::Tensor& noted,
                      std::int64_t keys) {
  at::Tensor now = noted.view({step.batch, step.tokens, -1}).transpose(1, 2);
  if (step.cache == nullptr || step.sequence == nullptr) return now;
  at::Tensor& there = step.sequence->of<Noted>(block).there;
  if (!there.defined()) {
    there = at::ones({step.batch, noted.size(1), step.cache->capacity()}, noted.options());
  }
  const std::int64_t begin = step.cache->length(), end = begin + step.tokens;
  there.narrow(2, begin, step.tokens).copy_(now);
  return there.narrow(2, end - keys, keys);
}

at::Tensor attend_there(const AttentionShape& shape, const AttentionHeads& heads,
                        const at::Tensor& there, const StepContext& step) {
  if (step.visibility.segments != nullptr) return attend_segments(shape, heads, there, step);
  at::Tensor base = step.seen.mask;
  const std::int64_t keys = heads.keys.size(2);
  if (base.defined() && base.size(-1) != keys) base = base.narrow(-1, base.size(-1) - keys, keys);
  return attend_part(shape, heads, there, base, step);
}

}  // namespace assay
