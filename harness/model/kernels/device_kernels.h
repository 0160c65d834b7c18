#pragma once
// The operations of packed.h and gathered.h on a device that is not the CPU. On CUDA they run in
// libassay_cuda.so, which stands beside the program and is loaded when it is first needed; without
// it, and on other devices, they are sequences of ATen operations: right, but slow. Nothing here
// waits for the device.

#include <ATen/core/Tensor.h>

#include "harness/model/kernels/gathered.h"
#include "harness/model/kernels/packed.h"

namespace assay {

/// True when `device` is a CUDA device and the module was found beside the program.
bool has_device_kernels(const at::Device& device);

/// Where has_device_kernels(). rows [n, cols] contiguous, n at most kCudaPackedMaxBatch -> f32.
at::Tensor device_packed_product(const at::Tensor& rows, const PackedMatrix& matrix);
Selection device_select_outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high);
at::Tensor device_gathered_product(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias, const Selection& selection);
void device_gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                                const Selection& selection, at::Tensor& y);

/// On any device. f32 or bf16 [end - begin, cols].
at::Tensor plain_dequantise(const PackedMatrix& matrix, at::ScalarType dtype, std::int64_t begin,
                            std::int64_t end);
Selection plain_select_outside(const at::Tensor& z, const at::Tensor& low, const at::Tensor& high);
at::Tensor plain_gathered_product(const at::Tensor& x, const at::Tensor& weight,
                                  const at::Tensor& bias, const Selection& selection);
void plain_gathered_accumulate(const at::Tensor& coefficients, const at::Tensor& weight,
                               const Selection& selection, at::Tensor& y);

}  // namespace assay
