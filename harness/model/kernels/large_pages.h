#pragma once
// Weights on large memory pages: reading them is what a decode step waits for, and with 4 KiB pages
// a good part of that wait is address translation.

#include <ATen/core/Tensor.h>

namespace assay {

/// A copy of a CPU tensor at the start of a 2 MiB aligned mapping of its own for which the kernel
/// is asked for transparent large pages; same values, contiguous. Where the kernel refuses, the
/// pages are ordinary ones and only speed differs. Small tensors and tensors of other devices come
/// back as they are (made contiguous).
at::Tensor on_large_pages(const at::Tensor& tensor);

}  // namespace assay
