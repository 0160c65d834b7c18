#pragma once
// How much LibTorch's allocators gave out.

#include <cstdint>
#include <functional>

namespace assay {

struct Allocations {
  /// The most that was held at one moment. On a processor: of what was allocated during the work;
  /// on a GPU everything that the process holds there, weights included.
  std::int64_t peak_bytes = 0;
  /// On a GPU: the most that the caching allocator had taken from the driver; 0 on a processor.
  std::int64_t peak_reserved_bytes = 0;
};

/// Runs `work` on this thread and watches the tensors that it makes. What other threads allocate
/// for themselves is not seen. `gpu`: watch the GPU's allocator instead of the host's.
Allocations allocations_of(const std::function<void()>& work, bool gpu);

}  // namespace assay
