// What a pass computes once for all its layers: positions, rotation, masks.

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <limits>

#include "harness/base/cell_errors.h"
#include "harness/model/model.h"

namespace assay {
namespace {

// bool [queries, keys]: keys at positions up to the query's, and inside the window.
at::Tensor visible(const at::Tensor& queries, const at::Tensor& keys, std::int64_t window) {
  const at::Tensor distance = queries.unsqueeze(1).sub(keys.unsqueeze(0));
  const at::Tensor causal = distance.ge(0);
  return window > 0 ? causal.logical_and(distance.lt(window)) : causal;
}

// f32 [1, heads, queries, keys]: the bias where a key may be seen, minus infinity elsewhere.
at::Tensor biased(const at::Tensor& bias, const at::Tensor& allowed) {
  return at::where(allowed, bias, -std::numeric_limits<float>::infinity());
}

}  // namespace

void Model::check_positions(std::int64_t end) const {
  // Dynamic scaling changes nothing up to here; beyond, frequencies depend on what ran before.
  const bool limited =
      spec_.positions != PositionKind::kRotary || spec_.rope_scaling.kind == "dynamic";
  if (!limited || end <= spec_.max_positions) return;
  throw DoesNotApply(
      fmt::format("a sequence of {} tokens is longer than the {} positions of this {} model; "
                  "choose a shorter window",
                  end, spec_.max_positions, spec_.family));
}

StepContext Model::uniform_step(std::int64_t batch, std::int64_t begin, std::int64_t tokens) const {
  check_positions(begin + tokens);
  StepContext step;
  step.phase = tokens == 1 && begin > 0 ? Phase::kDecode : Phase::kPrefill;
  step.batch = batch;
  step.tokens = tokens;
  step.positions = at::arange(begin, begin + tokens, at::TensorOptions(at::kLong).device(device_));
  if (batch > 1) step.positions = step.positions.repeat({batch});
  set_rotation(step);
  return step;
}

void Model::set_rotation(StepContext& step) const {
  if (!rope_frequencies_.defined()) return;
  const at::Tensor angles = step.positions.unsqueeze(1).mul(rope_frequencies_);
  step.rope_cos = at::cos(angles);
  step.rope_sin = at::sin(angles);
  const double factor = spec_.rope_scaling.attention_factor;
  if (factor == 1.0) return;
  step.rope_cos.mul_(factor);
  step.rope_sin.mul_(factor);
}

void Model::set_masks(StepContext& step, std::int64_t layer,
                      std::map<std::int64_t, Masks>& known) const {
  const std::int64_t window = window_of(spec_, layer);
  const auto [found, fresh] = known.try_emplace(window);
  Masks& masks = found->second;
  if (fresh && step.segments != nullptr) masks.segments = segment_masks(step, window);
  if (fresh && step.segments == nullptr) masks.whole = mask(step, window);
  step.mask = masks.whole;
  step.segment_masks = masks.segments;
}

at::Tensor Model::mask(const StepContext& step, std::int64_t window) const {
  const std::int64_t begin = step.cache == nullptr ? 0 : step.cache->length();
  const std::int64_t end = begin + step.tokens;
  const at::Tensor bias = alibi_.defined() ? alibi_.narrow(3, 0, end) : at::Tensor();
  if (step.tokens == 1) return bias;  // the last query sees every key; the window cuts the keys
  const bool plain = begin == 0 && (window == 0 || end <= window);
  if (plain && !bias.defined()) return {};
  const at::Tensor keys = at::arange(end, at::TensorOptions(at::kLong).device(device_));
  const at::Tensor allowed = visible(keys.narrow(0, begin, step.tokens), keys, window);
  return bias.defined() ? biased(bias, allowed) : allowed;
}

std::vector<at::Tensor> Model::segment_masks(const StepContext& step, std::int64_t window) const {
  std::vector<at::Tensor> masks;
  for (const Segment& segment : *step.segments) {
    at::Tensor mask = segment.mask;
    const at::Tensor positions = step.positions.narrow(0, segment.offset, segment.length);
    if (window > 0 && segment.length > window) {
      const at::Tensor near = visible(positions, positions, window);
      mask = mask.defined() ? mask.logical_and(near) : near;
    }
    if (alibi_.defined()) {
      const at::Tensor allowed = mask.defined() ? mask : visible(positions, positions, 0);
      mask = biased(alibi_.index_select(3, positions), allowed);
    }
    masks.push_back(mask);
  }
  return masks;
}

}  // namespace assay
