#include "harness/measure/throttle.h"

#include <cctype>

#include "harness/measure/nvml.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

std::string megahertz(std::optional<int> clock) {
  return clock ? std::to_string(*clock) + " MHz" : "unknown";
}

std::string gpu_reason(int gpu) {
  const auto device = NvmlDevice::open(gpu).device;
  if (!device) return "";
  const std::string why = device->throttled().value_or("");
  if (why.empty()) return "";
  return "the GPU was slowed down while it was timed: " + why + "; its clock is " +
         megahertz(device->clock_mhz()) + " of " + megahertz(device->highest_clock_mhz());
}

}  // namespace

std::optional<std::int64_t> processor_throttles(const std::filesystem::path& folder) {
  std::optional<std::int64_t> sum;
  std::error_code missing;
  for (const auto& core : std::filesystem::directory_iterator(folder, missing)) {
    const std::string name = core.path().filename().string();
    if (!name.starts_with("cpu") || name.size() < 4 || std::isdigit(name[3]) == 0) continue;
    const std::string count = first_line(core.path() / "thermal_throttle/core_throttle_count");
    if (!count.empty()) sum = sum.value_or(0) + std::stoll(count);
  }
  return sum;
}

ThrottleWatch::ThrottleWatch(std::optional<int> gpu)
    : gpu_(gpu), before_(gpu ? std::nullopt : processor_throttles()) {}

std::string ThrottleWatch::reason() const {
  if (gpu_) return gpu_reason(*gpu_);
  const auto now = processor_throttles();
  if (!before_ || !now || *now == *before_) return "";
  return "cores were slowed down for their heat " + std::to_string(*now - *before_) +
         " times while this was timed, expected is never: cool the machine, or use fewer threads";
}

}  // namespace assay
