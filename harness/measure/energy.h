#pragma once
// Energy that a machine says it has used.

#include <filesystem>
#include <memory>
#include <string>

namespace assay {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;
  /// What is read: "RAPL, 2 packages", "NVML".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Joules since some moment before the first call; never less than the call before said. To be
  /// asked at least once a minute, because counters of some processors start again at 0.
  virtual double joules() = 0;
};

/// A meter, or why there is none.
struct FoundMeter {
  std::unique_ptr<EnergyMeter> meter;
  std::string reason;
};

/// The processor's packages, from the kernel's powercap interface. Most guests have none, and most
/// systems let only root read it.
FoundMeter find_processor_meter(const std::filesystem::path& powercap = "/sys/class/powercap");

/// The total of GPU `index` (as CUDA counts it), from NVIDIA's management library.
FoundMeter find_gpu_meter(int index);

}  // namespace assay
