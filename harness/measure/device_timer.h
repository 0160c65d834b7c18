#pragma once
// The time of work where it runs: by the clock on a processor, between events of the stream on a
// GPU.

#include <c10/core/Device.h>

#include <functional>

namespace assay {

class DeviceTimer {
 public:
  explicit DeviceTimer(c10::Device device) : device_(device) {}
  [[nodiscard]] bool gpu() const { return !device_.is_cpu(); }
  /// Seconds of `work`; on a GPU all that it put on the current stream has ended then.
  [[nodiscard]] double seconds(const std::function<void()>& work) const;

 private:
  c10::Device device_;
};

}  // namespace assay
