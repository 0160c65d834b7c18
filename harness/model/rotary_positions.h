#pragma once
// The rotary positions of a model, over passes and caches.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"
#include "harness/model/kv_cache.h"
#include "harness/model/step.h"

namespace assay {

/// Made of nothing it turns nothing.
class RotaryPositions {
 public:
  RotaryPositions() = default;
  RotaryPositions(const ModelSpec& spec, at::Device device);
  /// Of a step with positions and visibility. Packed sequences each have the frequencies of their
  /// length. Throws DoesNotApply for long sequences that share their beginning, where nothing says
  /// how long each is.
  void set_angles(StepContext& step) const;
  /// Before `tokens` more come into the cache. Keys keep the turn that they were cached with:
  /// throws DoesNotApply where a longer sequence would turn all of them otherwise.
  void check_turn(KvCache& cache, std::int64_t tokens) const;

 private:
  [[nodiscard]] at::Tensor frequencies(const at::Tensor& positions) const;
  [[nodiscard]] at::Tensor frequencies(const StepContext& step) const;

  ModelSpec spec_;
  at::Tensor usual_;  ///< f32 [rotary_dim / 2], up to rotated_alike(); undefined: no rotation
};

}  // namespace assay
