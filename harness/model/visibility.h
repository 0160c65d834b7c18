#pragma once
// From what a pass may see to what the scores of one layer get.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "harness/model/step.h"

namespace assay {

/// Layers with one window see the same, so it is made once a pass. References must outlive it.
class SeenByWindow {
 public:
  /// alibi: f32 [1, heads, 1, positions] or undefined
  SeenByWindow(const StepContext& step, const at::Tensor& alibi) : step_(step), alibi_(alibi) {}
  /// window: positions that a token sees, itself included; 0: all
  [[nodiscard]] const LayerVisibility& of(std::int64_t window);

 private:
  [[nodiscard]] at::Tensor mask(std::int64_t window) const;
  [[nodiscard]] at::Tensor segment_mask(const Segment& segment, std::int64_t window) const;

  const StepContext& step_;
  const at::Tensor& alibi_;
  std::map<std::int64_t, LayerVisibility> known_;
};

}  // namespace assay
