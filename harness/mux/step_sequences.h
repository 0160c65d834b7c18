#pragma once
// The sequences of a step, for inputs that make another step of them.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/model/step.h"

namespace assay::mux {

/// `rows` [n] of a step (tokens, token types) -> one tensor [length] for each sequence, in order.
std::vector<at::Tensor> sequences_of(const at::Tensor& rows, const StepContext& step);

/// The longest length; 0 of none.
std::int64_t longest_of(const std::vector<at::Tensor>& sequences);

/// From now on a step of `batch` sequences of one length that see all of themselves.
void set_uniform(StepContext& step, std::int64_t batch, std::int64_t length);

}  // namespace assay::mux
