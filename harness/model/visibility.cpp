#include "harness/model/visibility.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>

#include <limits>

#include "harness/model/kv_cache.h"

namespace assay {
namespace {

// bool [queries, keys]: keys up to the query's position where `causal`, and inside the window.
at::Tensor visible(const at::Tensor& queries, const at::Tensor& keys, std::int64_t window,
                   bool causal) {
  const at::Tensor distance = queries.unsqueeze(1).sub(keys.unsqueeze(0));
  const at::Tensor before = causal ? distance.ge(0) : distance.ge(0).fill_(true);
  return window > 0 ? before.logical_and(distance.lt(window)) : before;
}

// f32 [1, heads, queries, keys]: the bias where a key may be seen, minus infinity elsewhere.
at::Tensor biased(const at::Tensor& bias, const at::Tensor& allowed) {
  return at::where(allowed, bias, -std::numeric_limits<float>::infinity());
}

}  // namespace

const LayerVisibility& SeenByWindow::of(std::int64_t window) {
  const auto [found, fresh] = known_.try_emplace(window);
  LayerVisibility& seen = found->second;
  if (!fresh) return seen;
  seen.causal = step_.visibility.causal;
  if (step_.visibility.segments == nullptr) {
    seen.mask = mask(window);
    return seen;
  }
  for (const Segment& segment : *step_.visibility.segments) {
    seen.segment_masks.push_back(segment_mask(segment, window));
  }
  return seen;
}

at::Tensor SeenByWindow::mask(std::int64_t window) const {
  const std::int64_t begin = step_.cache == nullptr ? 0 : step_.cache->length();
  const std::int64_t end = begin + step_.tokens;
  const at::Tensor bias = alibi_.defined() ? alibi_.narrow(3, 0, end) : at::Tensor();
  if (step_.tokens == 1) return bias;  // the last query sees every key; the window cuts the keys
  const bool plain = begin == 0 && (window == 0 || end <= window);
  if (plain && !bias.defined()) return {};
  const at::Tensor keys = at::arange(end, step_.positions.options());
  const at::Tensor allowed =
      visible(keys.narrow(0, begin, step_.tokens), keys, window, step_.visibility.causal);
  return bias.defined() ? biased(bias, allowed) : allowed;
}

at::Tensor SeenByWindow::segment_mask(const Segment& segment, std::int64_t window) const {
  at::Tensor mask = segment.mask;
  const at::Tensor positions = step_.positions.narrow(0, segment.offset, segment.length);
  const bool causal = step_.visibility.causal;
  if (window > 0 && segment.length > window) {
    const at::Tensor near = visible(positions, positions, window, causal);
    mask = mask.defined() ? mask.logical_and(near) : near;
  }
  if (!alibi_.defined()) return mask;
  const at::Tensor allowed = mask.defined() ? mask : visible(positions, positions, 0, causal);
  return biased(alibi_.index_select(3, positions), allowed);
}

}  // namespace assay
