#pragma once
// Resident memory of this process, as the kernel counts it.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace assay {

/// VmHWM: the highest resident set since the program was started, everything included: libraries
/// (about 120 MB for LibTorch without CUDA), pages of mapped checkpoint files while they are read,
/// weights, activations. Memory of an accelerator is not in it. Absent where /proc does not tell.
std::optional<std::int64_t> peak_rss_bytes();
/// From now on peak_rss_bytes() is the highest since this call, of memory that is in use: what was
/// freed is given back first. Where the kernel does not allow it, the peak stays what it was.
void forget_peak_rss();
/// VmRSS: the resident set now.
std::optional<std::int64_t> current_rss_bytes();

/// Looks at the resident set every 10 ms on a thread of its own and keeps the highest: for a
/// part of a program, whose VmHWM goes on. Ends with its scope.
class ResidentWatch {
 public:
  ResidentWatch();
  /// With a look of its own at the end.
  [[nodiscard]] std::optional<std::int64_t> peak_bytes();

 private:
  void look();
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<std::int64_t> peak_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace assay
