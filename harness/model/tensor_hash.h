#pragma once
// What identifies the values of a tensor.

#include <ATen/core/Tensor.h>

#include <string>

namespace assay {

/// SHA-256 over type, shape and values.
std::string tensor_hash(const at::Tensor& tensor);

}  // namespace assay
