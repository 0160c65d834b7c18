#pragma once
// Magnitude pruning of one matrix.

#include <ATen/core/Tensor.h>

#include "harness/method/sparsity.h"

namespace assay {

/// Keep mask (bool [out, in]) of weight [out, in]: scores |W|, chosen over the whole matrix with
/// the
/// `<=` threshold rule, per row with an exact count, or N:M.
at::Tensor magnitude_keep(const at::Tensor& weight, const SparsityTarget& target, Scope scope);

}  // namespace assay
