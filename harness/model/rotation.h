#pragma once
// Rotary positions: frequencies, and the rotation in place.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"

namespace assay {

/// f32 [rotary_dim / 2], scaled as the spec says for a sequence of `length` tokens; 0: for one that
/// is no longer than rotated_alike().
at::Tensor rope_frequencies(const ModelSpec& spec, std::int64_t length = 0);

/// f32 [n, rotary_dim / 2] each.
struct RopeAngles {
  at::Tensor cos, sin;
};
/// Of int64 positions [n] and frequencies [half] or, each row's own, [n, half]; both are multiplied
/// by `factor` (YaRN, LongRoPE).
RopeAngles rope_angles(const at::Tensor& positions, const at::Tensor& frequencies, double factor);

/// Rotates the first 2 * cos.size(1) elements of heads [0, heads) of each row, pairing element i
/// with element i + cos.size(1), or where they are `interleaved` 2 i with 2 i + 1. rows [n,
/// columns] with contiguous columns; cos and sin f32 [n, half]. Computes in f32. In place, unless
/// gradients of the rows are asked for.
at::Tensor rotate_heads(at::Tensor rows, std::int64_t heads, std::int64_t head_dim,
                        const at::Tensor& cos, const at::Tensor& sin, bool interleaved);

}  // namespace assay
