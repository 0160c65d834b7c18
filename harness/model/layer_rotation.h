#pragma once
// Which angles turn the heads of each layer.

#include "harness/checkpoint/spec.h"
#include "harness/model/rotary_positions.h"
#include "harness/model/step.h"

namespace assay {

/// The positions of layers with a window, where these turn otherwise than the others; else such as
/// turn nothing.
RotaryPositions window_positions(const ModelSpec& spec, at::Device device);

/// For one pass. References must outlive it.
class LayerRotation {
 public:
  /// `step` has the angles that most layers turn by, and the positions that run through the layers.
  LayerRotation(const ModelSpec& spec, const RotaryPositions& of_windows, const StepContext& step);
  /// Gives the step the angles of this layer; undefined ones where its heads do not turn.
  void set(StepContext& step, std::int64_t layer);

 private:
  struct Angles {
    at::Tensor cos, sin;
  };
  [[nodiscard]] const Angles& of(StepContext& step, std::int64_t layer);

  const ModelSpec& spec_;
  const RotaryPositions& of_windows_;
  Angles none_, usual_, windowed_;
};

}  // namespace assay
