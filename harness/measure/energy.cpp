#include "harness/measure/energy.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <utility>
#include <vector>

#include "harness/measure/nvml.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::optional<double> number_in(const fs::path& file) {
  const std::string text = first_line(file);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stod(text);
}

/// One counter of microjoules that starts again at 0 after `range`.
struct Package {
  fs::path file;
  double range = 0;
  double last = 0;
  double total = 0;
};

class ProcessorMeter final : public EnergyMeter {
 public:
  explicit ProcessorMeter(std::vector<Package> packages) : packages_(std::move(packages)) {}
  [[nodiscard]] std::string name() const override {
    return "RAPL, " + std::to_string(packages_.size()) +
           (packages_.size() == 1 ? " package" : " packages");
  }
  double joules() override {
    double sum = 0;
    for (Package& package : packages_) {
      const double now = number_in(package.file).value_or(package.last);
      package.total +=
          now >= package.last ? now - package.last : now - package.last + package.range;
      package.last = now;
      sum += package.total;
    }
    return sum / 1e6;
  }

 private:
  std::vector<Package> packages_;
};

class GpuMeter final : public EnergyMeter {
 public:
  explicit GpuMeter(NvmlDevice device) : device_(std::move(device)) {}
  [[nodiscard]] std::string name() const override { return "NVML"; }
  double joules() override {
    last_ = std::max(last_, device_.energy_joules().value_or(last_));
    return last_;
  }

 private:
  NvmlDevice device_;
  double last_ = 0;
};

}  // namespace

FoundMeter find_processor_meter(const fs::path& powercap) {
  // A colon less or more is a zone within a package, which is counted already.
  static const std::regex kPackage("intel-rapl:[0-9]+");
  std::vector<Package> packages;
  bool unreadable = false;
  std::error_code missing;
  for (const auto& zone : fs::directory_iterator(powercap, missing)) {
    if (!std::regex_match(zone.path().filename().string(), kPackage)) continue;
    const auto now = number_in(zone.path() / "energy_uj");
    const auto range = number_in(zone.path() / "max_energy_range_uj");
    unreadable = unreadable || !now || !range;
    if (now && range) packages.push_back({zone.path() / "energy_uj", *range, *now, 0});
  }
  if (unreadable) return {nullptr, "not measured: " + powercap.string() + " cannot be read"};
  if (packages.empty()) return {nullptr, "not measured: the processor shows no energy counter"};
  return {std::make_unique<ProcessorMeter>(std::move(packages)), ""};
}

FoundMeter find_gpu_meter(int index) {
  auto [device, reason] = NvmlDevice::open(index);
  if (!device) return {nullptr, "not measured: " + reason};
  if (!device->energy_joules()) {
    return {nullptr, "not measured: the GPU shows no energy counter"};
  }
  return {std::make_unique<GpuMeter>(std::move(*device)), ""};
}

}  // namespace assay
