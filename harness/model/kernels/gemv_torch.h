#pragma once
// gemv_cpu.h for tensors: checks, fp32 activations, threads.

#include <ATen/core/Tensor.h>

namespace assay {

/// True when gemv_linear() computes this product and should: CPU, fp32 or bfloat16, one to
/// kGemvMaxBatch rows, weight rows contiguous, and nothing to differentiate.
/// rows [n, in], weight [out, in].
bool gemv_applies(const at::Tensor& rows, const at::Tensor& weight);

/// rows W^T + bias -> [n, out], rows' dtype. Only where gemv_applies(); bias [out] may be
/// undefined. Sums are fp32, the result is rounded once; the same for any number of threads.
at::Tensor gemv_linear(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace assay
