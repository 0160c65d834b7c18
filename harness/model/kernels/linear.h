#pragma once
// The dense product of every linear layer and of the head, by the fastest way at hand.

#include <ATen/core/Tensor.h>

namespace assay {

/// rows [n, in], weight [out, in], bias [out] or undefined -> rows W^T + bias [n, out].
///
/// On a CPU, for inference: up to 8 rows go to our own kernels (gemv_torch.h), and up to 64 of fp32
/// to another (few_rows_torch.h); more of fp32 to oneDNN on processors that are not Intel's, where
/// the MKL behind at::linear runs its slow path (docs/results/peers.md has the figures). All else
/// is at::linear. The choice depends on shapes, types and the processor only, never on a
/// measurement, so equal calls give equal bits.
at::Tensor dense_product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace assay
