#include "harness/model/layer_rotation.h"

namespace assay {

RotaryPositions window_positions(const ModelSpec& spec, at::Device device) {
  if (spec.window_rope_theta == 0) return {};
  ModelSpec windowed = spec;
  windowed.rope_theta = spec.window_rope_theta;
  windowed.rope_scaling = spec.window_rope_scaling;
  return {windowed, device};
}

LayerRotation::LayerRotation(const ModelSpec& spec, const RotaryPositions& of_windows,
                             const StepContext& step)
    : spec_(spec), of_windows_(of_windows), usual_{step.rope_cos, step.rope_sin} {}

const LayerRotation::Angles& LayerRotation::of(StepContext& step, std::int64_t layer) {
  if (!rotates(spec_, layer)) return none_;
  if (spec_.window_rope_theta == 0 || window_of(spec_, layer) == 0) return usual_;
  if (!windowed_.cos.defined()) {
    of_windows_.set_angles(step);
    windowed_ = {step.rope_cos, step.rope_sin};
  }
  return windowed_;
}

void LayerRotation::set(StepContext& step, std::int64_t layer) {
  if (!usual_.cos.defined()) return;
  const Angles& angles = of(step, layer);
  step.rope_cos = angles.cos;
  step.rope_sin = angles.sin;
}

}  // namespace assay
