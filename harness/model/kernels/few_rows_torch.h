#pragma once
// few_rows_cpu.h for tensors: checks, panels, threads.

#include <ATen/core/Tensor.h>

namespace assay {

/// True when few_rows_linear() computes this product and should: CPU, fp32, both contiguous, up to
/// 64 rows, and nothing to differentiate. rows [n, in], weight [out, in].
bool few_rows_apply(const at::Tensor& rows, const at::Tensor& weight);

/// rows W^T + bias -> [n, out]. Only where few_rows_apply(); bias [out] may be undefined. The same
/// for any number of threads.
at::Tensor few_rows_linear(const at::Tensor& rows, const at::Tensor& weight,
                           const at::Tensor& bias);

}  // namespace assay
