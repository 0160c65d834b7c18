#pragma once
// Rotary positions: frequencies, and the rotation in place.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"

namespace assay {

/// f32 [rotary_dim / 2], scaled as the spec says.
at::Tensor rope_frequencies(const ModelSpec& spec);

/// f32 [n, rotary_dim / 2] each.
struct RopeAngles {
  at::Tensor cos, sin;
};
/// Of int64 positions [n]; both are multiplied by `factor` (YaRN).
RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies, double factor);

/// Rotates the first 2 * cos.size(1) elements of heads [0, heads) of each row, pairing element i
/// with element i + cos.size(1). rows [n, columns] with contiguous columns; cos and sin f32
/// [n, half]. Computes in f32. In place, unless gradients of the rows are asked for.
at::Tensor rotate_heads(at::Tensor rows, std::int64_t heads, std::int64_t head_dim,
                        const at::Tensor& cos, const at::Tensor& sin);

}  // namespace assay
