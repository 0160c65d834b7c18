#include "harness/measure/memory.h"

#include "harness/measure/proc_file.h"

namespace assay {
namespace {

std::optional<std::int64_t> status_bytes(const std::string& key) {
  const std::string value = proc_value("/proc/self/status", key);
  if (value.empty()) return std::nullopt;
  return std::stoll(value) * 1024;
}

}  // namespace

std::optional<std::int64_t> peak_rss_bytes() { return status_bytes("VmHWM"); }
std::optional<std::int64_t> current_rss_bytes() { return status_bytes("VmRSS"); }

}  // namespace assay
