#include "harness/model/rotary_positions.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/rotation.h"

namespace assay {
namespace {

/// Kept beside a cache: whether its keys are those of a sequence longer than rotated_alike().
struct KeysTurned {
  bool beyond = false;
};

[[noreturn]] void refuse_long_tree(const ModelSpec& spec) {
  throw DoesNotApply(
      fmt::format("sequences that share their beginning are longer than {} tokens, and this {} "
                  "model turns the positions of longer ones by their length ({} rope scaling); "
                  "choose shorter texts",
                  rotated_alike(spec), spec.family, spec.rope_scaling.kind));
}

}  // namespace

RotaryPositions::RotaryPositions(const ModelSpec& spec, at::Device device)
    : spec_(std::make_shared<ModelSpec>(spec)), usual_(rope_frequencies(spec).to(device)) {
  const std::int64_t alike = rotated_alike(spec);
  if (alike > 0 && spec.rope_scaling.kind == "longrope") {
    long_ = rope_frequencies(spec, alike + 1).to(device);
  }
}

at::Tensor RotaryPositions::frequencies(std::int64_t length) const {
  if (length <= rotated_alike(*spec_)) return usual_;
  return long_.defined() ? long_ : rope_frequencies(*spec_, length).to(usual_.device());
}

at::Tensor RotaryPositions::frequencies(const StepContext& step) const {
  if (rotated_alike(*spec_) == 0) return usual_;
  if (step.visibility.segments == nullptr) return frequencies(step.end);
  std::vector<at::Tensor> rows;
  for (const Segment& segment : *step.visibility.segments) {
    if (segment.length == 0) continue;
    // A tree repeats positions: it is longer than any of its sequences.
    const bool tree = segment.mask.defined();
    const std::int64_t length =
        tree ? step.positions.narrow(0, segment.offset, segment.length).max().item<std::int64_t>() +
                   1
             : segment.length;
    if (tree && length > rotated_alike(*spec_)) refuse_long_tree(*spec_);
    rows.push_back(frequencies(length).expand({segment.length, -1}));
  }
  return at::cat(rows);
}

void RotaryPositions::set_angles(StepContext& step) const {
  if (!usual_.defined()) return;
  const RopeAngles angles =
      rope_angles(step.positions, frequencies(step), spec_->rope_scaling.attention_factor);
  step.rope_cos = angles.cos;
  step.rope_sin = angles.sin;
}

void RotaryPositions::check_turn(KvCache& cache, std::int64_t tokens) const {
  const std::int64_t alike = usual_.defined() ? rotated_alike(*spec_) : 0;
  if (alike == 0) return;
  const bool beyond = cache.length() + tokens > alike;
  bool& before = cache.state().of<KeysTurned>(nullptr).beyond;
  if (cache.length() == 0) before = beyond;
  // Beyond, LongRoPE has one turn for all lengths, and dynamic scaling another for each.
  const bool grows = beyond && cache.length() > 0 && spec_->rope_scaling.kind == "dynamic";
  if (before == beyond && !grows) return;
  throw DoesNotApply(
      fmt::format("a sequence that grows in a cache gets longer than {} tokens, from where on this "
                  "{} model turns all of its positions anew ({} rope scaling), while cached keys "
                  "keep their turn; choose shorter sequences",
                  alike, spec_->family, spec_->rope_scaling.kind));
}

}  // namespace assay
