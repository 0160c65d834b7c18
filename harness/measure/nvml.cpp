#include "harness/measure/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace assay {
namespace {

// NVIDIA's numbers, from the library's public interface.
constexpr int kSuccess = 0;
constexpr int kClockOfMultiprocessors = 1;
constexpr int kTemperatureOfGpu = 0;

struct ProcessInfo {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};

struct ThrottleReason {
  unsigned long long bit;
  const char* text;
};
constexpr std::array kThrottleReasons = {ThrottleReason{0x8, "the hardware slowed it down"},
                                         ThrottleReason{0x20, "it is too hot (driver)"},
                                         ThrottleReason{0x40, "it is too hot (hardware)"},
                                         ThrottleReason{0x80, "the power supply braked it"}};

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 6 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string visible_device(int index) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) return std::to_string(index);
  std::istringstream list(visible);
  std::string name;
  for (int i = 0; i <= index; ++i) {
    if (!std::getline(list, name, ',')) return "";
  }
  return name;
}

struct NvmlDevice::Library {
  explicit Library(const std::string& name) : handle(::dlopen(name.c_str(), RTLD_NOW)) {}
  ~Library() {
    if (handle == nullptr) return;
    if (const auto shutdown = function<int()>("nvmlShutdown"); shutdown && ready) shutdown();
    ::dlclose(handle);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <typename Signature>
  [[nodiscard]] Signature* function(const char* name) const {
    return reinterpret_cast<Signature*>(::dlsym(handle, name));
  }
  bool start() {
    const auto init = function<int()>("nvmlInit_v2");
    ready = init != nullptr && init() == kSuccess;
    return ready;
  }
  void* find(const std::string& name) const {
    void* device = nullptr;
    if (is_number(name)) {
      const auto by_index = function<int(unsigned, void**)>("nvmlDeviceGetHandleByIndex_v2");
      const auto index = static_cast<unsigned>(std::stoul(name));
      return by_index != nullptr && by_index(index, &device) == kSuccess ? device : nullptr;
    }
    const auto by_uuid = function<int(const char*, void**)>("nvmlDeviceGetHandleByUUID");
    return by_uuid != nullptr && by_uuid(name.c_str(), &device) == kSuccess ? device : nullptr;
  }

  void* handle;
  bool ready = false;
};

NvmlDevice::NvmlDevice(std::shared_ptr<Library> library, void* handle)
    : library_(std::move(library)), handle_(handle) {}

NvmlDevice::Opened NvmlDevice::open(int index, const std::string& library) {
  auto loaded = std::make_shared<Library>(library);
  if (loaded->handle == nullptr) return {std::nullopt, "there is no " + library};
  if (!loaded->start()) return {std::nullopt, library + " does not start"};
  void* device = loaded->find(visible_device(index));
  if (device == nullptr) return {std::nullopt, library + " does not know the GPU"};
  return {NvmlDevice(std::move(loaded), device), ""};
}

std::optional<double> NvmlDevice::energy_joules() const {
  const auto total =
      library_->function<int(void*, unsigned long long*)>("nvmlDeviceGetTotalEnergyConsumption");
  unsigned long long millijoules = 0;
  if (total == nullptr || total(handle_, &millijoules) != kSuccess) return std::nullopt;
  return static_cast<double>(millijoules) / 1e3;
}

std::optional<std::vector<std::int64_t>> NvmlDevice::processes() const {
  const auto running = library_->function<int(void*, unsigned*, ProcessInfo*)>(
      "nvmlDeviceGetComputeRunningProcesses_v3");
  std::array<ProcessInfo, 256> infos{};
  auto count = static_cast<unsigned>(infos.size());
  if (running == nullptr || running(handle_, &count, infos.data()) != kSuccess) {
    return std::nullopt;
  }
  std::vector<std::int64_t> pids;
  for (unsigned i = 0; i < count; ++i) pids.push_back(infos[i].pid);
  return pids;
}

std::optional<int> NvmlDevice::number(const char* function, int which) const {
  const auto ask = library_->function<int(void*, int, unsigned*)>(function);
  unsigned value = 0;
  if (ask == nullptr || ask(handle_, which, &value) != kSuccess) return std::nullopt;
  return static_cast<int>(value);
}

std::optional<int> NvmlDevice::clock_mhz() const {
  return number("nvmlDeviceGetClockInfo", kClockOfMultiprocessors);
}

std::optional<int> NvmlDevice::highest_clock_mhz() const {
  return number("nvmlDeviceGetMaxClockInfo", kClockOfMultiprocessors);
}

std::optional<int> NvmlDevice::temperature_celsius() const {
  return number("nvmlDeviceGetTemperature", kTemperatureOfGpu);
}

std::optional<std::string> NvmlDevice::throttled() const {
  const auto reasons = library_->function<int(void*, unsigned long long*)>(
      "nvmlDeviceGetCurrentClocksThrottleReasons");
  unsigned long long bits = 0;
  if (reasons == nullptr || reasons(handle_, &bits) != kSuccess) return std::nullopt;
  std::string text;
  for (const ThrottleReason& reason : kThrottleReasons) {
    if ((bits & reason.bit) != 0) text += (text.empty() ? "" : ", ") + std::string(reason.text);
  }
  return text;
}

}  // namespace assay
