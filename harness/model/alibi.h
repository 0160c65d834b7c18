#pragma once
// ALiBi (Press et al., 2022, arXiv:2108.12409): scores get a bias that grows with the position.

#include <ATen/core/Tensor.h>

#include "harness/checkpoint/spec.h"

namespace assay {

/// f32 [1, heads, 1, positions]: scale * slope(head) * position of the key. The softmax does not
/// see the constant that this form differs by from the distance to the query.
at::Tensor alibi_bias(const ModelSpec& spec, std::int64_t positions);

}  // namespace assay
