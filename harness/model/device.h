#pragma once
// Devices and element types by the names that users write.

#include <ATen/core/Tensor.h>

#include <string>

namespace assay {

/// "cpu", "cuda", "cuda:1". Loads libtorch_cuda into the process and checks that the device exists;
/// no-op for "cpu". Throws UserError for another word, MachineError for a missing device.
at::Device open_device(const std::string& name);

/// "fp32" -> kFloat, "bf16" -> kBFloat16; UserError otherwise.
at::ScalarType dtype_from_name(const std::string& name);

}  // namespace assay
