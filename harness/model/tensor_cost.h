#pragma once
// Accounting of one tensor.

#include <ATen/core/Tensor.h>

#include "harness/model/slots.h"

namespace assay {

/// Parameters, nonzeros and bytes of a tensor that a decoded token reads whole; nothing when it is
/// undefined. Work is left to the block that knows it.
Cost tensor_cost(const at::Tensor& tensor);

}  // namespace assay
