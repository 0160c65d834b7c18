#pragma once
// Weights for wall-clock suites that need only a shape.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// Fills with uniform values of the given standard deviation. Depends only on seed, stream and
/// place, not on threads or device; about a nanosecond for four values.
void fill_random(at::Tensor& tensor, std::uint64_t seed, std::uint64_t stream, double deviation);

}  // namespace assay
