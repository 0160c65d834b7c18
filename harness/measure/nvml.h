#pragma once
// What NVIDIA's management library tells of a GPU. Loaded when it is asked for; it makes no context
// on the device and is not linked.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// What CUDA's number `index` stands for by CUDA_VISIBLE_DEVICES: a number or an identifier of
/// NVML's; "" when it is hidden.
std::string visible_device(int index);

class NvmlDevice {
 public:
  struct Opened;
  /// GPU `index` as CUDA counts it: CUDA_VISIBLE_DEVICES is obeyed. `library` is for tests.
  static Opened open(int index, const std::string& library = "libnvidia-ml.so.1");

  // Each is absent where the driver or the GPU does not tell.

  /// Since the driver was loaded.
  [[nodiscard]] std::optional<double> energy_joules() const;
  /// Processes with a context on the GPU, as far as this container may see them.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> processes() const;
  /// Of the multiprocessors, now and at most, in MHz.
  [[nodiscard]] std::optional<int> clock_mhz() const;
  [[nodiscard]] std::optional<int> highest_clock_mhz() const;
  [[nodiscard]] std::optional<int> temperature_celsius() const;
  /// Why the GPU is slower now than it could be, in words; "" when it is not. Idling, a set clock
  /// and the power limit are no reasons: those belong to the machine.
  [[nodiscard]] std::optional<std::string> throttled() const;

 private:
  struct Library;
  NvmlDevice(std::shared_ptr<Library> library, void* handle);
  [[nodiscard]] std::optional<int> number(const char* function, int which) const;
  std::shared_ptr<Library> library_;
  void* handle_;
};

/// A device, or why there is none.
struct NvmlDevice::Opened {
  std::optional<NvmlDevice> device;
  std::string reason;
};

}  // namespace assay
