#pragma once
// From single sequences to the form that a packed pass takes.

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/model/model.h"

namespace assay {

/// Sequences (int64 [length], at least one) back to back, positions from 0 in each, on the device
/// of the first. `token_types`: one int64 [length] for each, or none: all 0.
PackedTokens pack_sequences(const std::vector<at::Tensor>& sequences,
                            const std::vector<at::Tensor>& token_types = {});

}  // namespace assay
