#pragma once
// The rotary positions of a model, over passes and caches.

#include <ATen/core/Tensor.h>

#include <memory>

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
  /// Of a sequence of this length.
  [[nodiscard]] at::Tensor frequencies(std::int64_t length) const;
  [[nodiscard]] at::Tensor frequencies(const StepContext& step) const;

  std::shared_ptr<const ModelSpec> spec_;  ///< of the checkpoint: copies of a model have one
  at::Tensor usual_;  ///< f32 [rotary_dim / 2], up to rotated_alike(); undefined: no rotation
  at::Tensor long_;   ///< likewise, beyond it, where these are all alike
};

}  // namespace assay
