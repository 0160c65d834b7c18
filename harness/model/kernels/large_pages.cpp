#include "harness/model/kernels/large_pages.h"

#include <ATen/ops/from_blob.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace assay {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

/// Below this a tensor would mostly waste its last page.
constexpr std::size_t kLeastBytes = std::size_t{512} << 10;

}  // namespace

at::Tensor on_large_pages(const at::Tensor& tensor) {
  const std::size_t bytes = tensor.nbytes();
  if (!tensor.device().is_cpu() || bytes < kLeastBytes) return tensor.contiguous();
  void* memory = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
  if (memory == nullptr) throw std::bad_alloc();
  (void)madvise(memory, bytes, MADV_HUGEPAGE);  // a hint
  at::Tensor copy = at::from_blob(memory, tensor.sizes(), std::free, tensor.options());
  copy.copy_(tensor);
  return copy;
}

}  // namespace assay
