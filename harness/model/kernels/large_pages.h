#pragma once
// Memory for tensors. Weights stand on large pages: reading them is what a decode step waits for,
// and with 4 KiB pages a good part of that wait is address translation.

#include <ATen/core/Tensor.h>

namespace assay {

/// An uninitialised tensor at the start of a 2 MiB aligned piece of memory for which the kernel is
/// asked for transparent large pages. Where it refuses, the pages are ordinary ones and only speed
/// differs. Small tensors and tensors of other devices are ordinary ones.
at::Tensor empty_on_large_pages(at::IntArrayRef shape, const at::TensorOptions& options);

/// A contiguous copy made there. Undefined stays undefined.
at::Tensor copy_on_large_pages(const at::Tensor& tensor);

}  // namespace assay
