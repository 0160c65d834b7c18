#pragma once
// Products with chosen rows of a matrix: what contextual methods run for one token. Matrices are
// neuron-major, [neurons, width], so that each neuron is one contiguous row. CPU and CUDA; nothing
// here waits for a device.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// Chosen neurons in ascending order. `indices` has room for all of them; only the first `count`
/// count. The count stays on the device.
struct Selection {
  at::Tensor indices;  ///< int32 [neurons]
  at::Tensor count;    ///< int32 [1]
};

/// Neurons whose z lies outside [low, high]; NaN is outside. z, low, high: f32 [neurons].
Selection select_outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high);

/// x [width], weight [neurons, width] of x's dtype, bias [neurons] or undefined -> f32 [neurons],
/// of which the first `count` are x . weight[indices[i]] + bias[indices[i]]; fp32 sums.
at::Tensor gathered_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const Selection& selection);

/// y[c] += sum_i coefficients[i] * weight[indices[i], c] over the first `count`, in the order of
/// the indices whatever the number of threads; on CUDA in another order that is always the same.
/// coefficients f32 [neurons], y f32 [width].
void gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                         const Selection& selection, at::Tensor& y);

}  // namespace assay
