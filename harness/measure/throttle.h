#pragma once
// Was the processor or the GPU slowed down while something was timed?

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace assay {

/// How often cores were slowed down for their heat since the machine was started, all cores
/// together; absent where the kernel does not tell, as in most guests.
std::optional<std::int64_t> processor_throttles(
    const std::filesystem::path& folder = "/sys/devices/system/cpu");

/// Looks at construction and when asked.
class ThrottleWatch {
 public:
  /// `gpu`: number of the GPU as CUDA counts it; absent: the processor.
  explicit ThrottleWatch(std::optional<int> gpu);
  /// Why times since then mean nothing, with what was seen and expected; "" when nothing is known
  /// against them.
  [[nodiscard]] std::string reason() const;

 private:
  std::optional<int> gpu_;
  std::optional<std::int64_t> before_;
};

}  // namespace assay
