#include "harness/measure/memory.h"

#include <chrono>
#include <fstream>

#include "harness/base/malloc_policy.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

constexpr std::chrono::milliseconds kLook{10};

std::optional<std::int64_t> status_bytes(const std::string& key) {
  const std::string value = proc_value("/proc/self/status", key);
  if (value.empty()) return std::nullopt;
  return std::stoll(value) * 1024;
}

}  // namespace

std::optional<std::int64_t> peak_rss_bytes() { return status_bytes("VmHWM"); }
std::optional<std::int64_t> current_rss_bytes() { return status_bytes("VmRSS"); }

void forget_peak_rss() {
  return_freed_memory();
  std::ofstream("/proc/self/clear_refs") << "5";  // since Linux 4.0
}

ResidentWatch::ResidentWatch()
    : thread_([this](const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        do {
          look();
        } while (!wake_.wait_for(lock, stop, kLook, [&] { return stop.stop_requested(); }));
      }) {}

/// Call with the mutex held.
void ResidentWatch::look() {
  const auto now = current_rss_bytes();
  if (now && *now > peak_.value_or(0)) peak_ = now;
}

std::optional<std::int64_t> ResidentWatch::peak_bytes() {
  const std::lock_guard lock(mutex_);
  look();
  return peak_;
}

}  // namespace assay
