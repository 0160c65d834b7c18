// A management library of one GPU, for tests: it says what the variables ASSAY_FAKE_NVML_* say.

#include <cstdlib>

namespace {

unsigned long long number_of(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

int device;

}  // namespace

extern "C" {

struct FakeProcess {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance, compute_instance;
};

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  *handle = &device;
  return index == number_of("ASSAY_FAKE_NVML_INDEX") ? 0 : 6;
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  *millijoules = number_of("ASSAY_FAKE_NVML_ENERGY");
  return 0;
}
int nvmlDeviceGetClockInfo(void*, int, unsigned* mhz) {
  *mhz = 1200;
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, FakeProcess* processes) {
  *count = static_cast<unsigned>(number_of("ASSAY_FAKE_NVML_PROCESSES"));
  for (unsigned i = 0; i < *count; ++i) processes[i] = {4000 + i, 0, 0, 0};
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* reasons) {
  *reasons = number_of("ASSAY_FAKE_NVML_THROTTLE");
  return 0;
}

}  // extern "C"
