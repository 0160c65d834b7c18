#include "harness/measure/allocations.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>

namespace assay {
namespace {

/// Told by the allocators of every block that comes and goes, as LibTorch's profiler is.
class Watcher final : public c10::MemoryReportingInfoBase {
 public:
  explicit Watcher(bool gpu) : gpu_(gpu) {}
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t total, std::size_t reserved,
                         c10::Device device) override {
    if (device.is_cpu() == gpu_) return;
    held_ += bytes;
    const std::int64_t now = gpu_ ? static_cast<std::int64_t>(total) : held_;
    seen_.peak_bytes = std::max(seen_.peak_bytes, now);
    seen_.peak_reserved_bytes =
        std::max(seen_.peak_reserved_bytes, static_cast<std::int64_t>(reserved));
  }
  [[nodiscard]] bool memoryProfilingEnabled() const override { return true; }
  [[nodiscard]] const Allocations& seen() const { return seen_; }

 private:
  bool gpu_;
  std::int64_t held_ = 0;
  Allocations seen_;
};

}  // namespace

Allocations allocations_of(const std::function<void()>& work, bool gpu) {
  const auto watcher = std::make_shared<Watcher>(gpu);
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, watcher);
  work();
  return watcher->seen();
}

}  // namespace assay
