#include "harness/model/kernels/large_pages.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/accumulate.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace assay {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

/// Below this a tensor would mostly waste its last page.
constexpr std::size_t kLeastBytes = std::size_t{512} << 10;

/// `size` bytes at an address that is a multiple of kPage; `size` is one, too.
void* map_aligned(std::size_t size) {
  void* whole =
      mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(whole);
  const std::size_t before = (kPage - reinterpret_cast<std::uintptr_t>(begin) % kPage) % kPage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kPage - before);
  return begin + before;
}

}  // namespace

at::Tensor empty_on_large_pages(at::IntArrayRef shape, const at::TensorOptions& options) {
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(shape)) *
                            c10::elementSize(c10::typeMetaToScalarType(options.dtype()));
  if (!options.device().is_cpu() || bytes < kLeastBytes) return at::empty(shape, options);
  const std::size_t size = (bytes + kPage - 1) / kPage * kPage;
  void* memory = map_aligned(size);
  (void)madvise(memory, size, MADV_HUGEPAGE);  // a hint
  return at::from_blob(
      memory, shape, [size](void* data) { munmap(data, size); }, options);
}

at::Tensor copy_on_large_pages(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  at::Tensor copy = empty_on_large_pages(tensor.sizes(), tensor.options());
  copy.copy_(tensor);
  return copy;
}

}  // namespace assay
