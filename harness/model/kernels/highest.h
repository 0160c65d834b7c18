#pragma once
// The largest of each row, and what a mask chose: what stands between a prediction and the products
// that it saves, once a layer and token.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/model/kernels/gathered.h"

namespace assay {

/// scores f32 [n, units] -> bool [n, units]: the `count` largest of each row; equal ones by their
/// place, the first. NaN counts as infinity: a wrong predictor must not look right.
at::Tensor highest(const at::Tensor& scores, std::int64_t count);

/// The units of a row of a mask, bool [units] -> for the gathered products.
Selection selection_of(const at::Tensor& mask);

}  // namespace assay
