#include "harness/model/kernels/large_pages.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/accumulate.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace assay {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

/// Below this a tensor would mostly waste its last page.
constexpr std::size_t kLeastBytes = std::size_t{512} << 10;

}  // namespace

at::Tensor empty_on_large_pages(at::IntArrayRef shape, const at::TensorOptions& options) {
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(shape)) *
                            c10::elementSize(c10::typeMetaToScalarType(options.dtype()));
  if (!options.device().is_cpu() || bytes < kLeastBytes) return at::empty(shape, options);
  void* memory = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
  if (memory == nullptr) throw std::bad_alloc();
  (void)madvise(memory, bytes, MADV_HUGEPAGE);  // a hint
  return at::from_blob(memory, shape, std::free, options);
}

at::Tensor copy_on_large_pages(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  at::Tensor copy = empty_on_large_pages(tensor.sizes(), tensor.options());
  copy.copy_(tensor);
  return copy;
}

}  // namespace assay
