#include "harness/measure/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/measure/nvml.h"
#include "harness/measure/throttle.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Powercap : public testing::Test {
 protected:
  Powercap() : root_(fs::path(testing::TempDir()) / "powercap_test") { fs::remove_all(root_); }
  void zone(const std::string& name, const std::string& energy, const std::string& range) const {
    fs::create_directories(root_ / name);
    if (!energy.empty()) std::ofstream(root_ / name / "energy_uj") << energy << '\n';
    std::ofstream(root_ / name / "max_energy_range_uj") << range << '\n';
  }
  fs::path root_;
};

TEST_F(Powercap, AddsThePackagesAndFollowsThemOverTheEnd) {
  zone("intel-rapl:0", "900000", "1000000");
  zone("intel-rapl:1", "100", "1000000");
  zone("intel-rapl:0:0", "5", "1000000");     // cores, within package 0
  zone("intel-rapl-mmio:0", "7", "1000000");  // package 0 once more
  const FoundMeter found = find_processor_meter(root_);
  ASSERT_NE(found.meter, nullptr) << found.reason;
  EXPECT_EQ(found.meter->name(), "RAPL, 2 packages");
  EXPECT_DOUBLE_EQ(found.meter->joules(), 0);
  zone("intel-rapl:0", "100000", "1000000");  // 0.1 J to the end, 0.1 J after it
  zone("intel-rapl:1", "300100", "1000000");
  EXPECT_DOUBLE_EQ(found.meter->joules(), 0.5);
  zone("intel-rapl:1", "300200", "1000000");
  EXPECT_DOUBLE_EQ(found.meter->joules(), 0.5001);
}

TEST_F(Powercap, WithoutCountersThereIsAReasonAndNoMeter) {
  EXPECT_THAT(find_processor_meter(root_).reason, HasSubstr("no energy counter"));
  zone("intel-rapl:0", "", "1000000");
  const FoundMeter found = find_processor_meter(root_);
  EXPECT_EQ(found.meter, nullptr);
  EXPECT_THAT(found.reason, HasSubstr("cannot be read"));
}

TEST(Throttle, CountsAreAddedOverTheCores) {
  const fs::path folder = fs::path(testing::TempDir()) / "throttle_test";
  fs::remove_all(folder);
  EXPECT_FALSE(processor_throttles(folder).has_value());
  for (const char* name : {"cpu0", "cpu17", "cpufreq"}) {
    fs::create_directories(folder / name / "thermal_throttle");
    std::ofstream(folder / name / "thermal_throttle/core_throttle_count") << "3\n";
  }
  EXPECT_EQ(processor_throttles(folder), 6) << "cpufreq is no core";
}

TEST(Throttle, AQuietProcessorIsNoReason) { EXPECT_EQ(ThrottleWatch({}).reason(), ""); }

class Nvml : public testing::Test {
 protected:
  ~Nvml() override {
    for (const char* name : {"CUDA_VISIBLE_DEVICES", "ASSAY_FAKE_NVML_INDEX",
                             "ASSAY_FAKE_NVML_PROCESSES", "ASSAY_FAKE_NVML_THROTTLE"}) {
      ::unsetenv(name);
    }
  }
  static NvmlDevice::Opened open(int index) {
    return NvmlDevice::open(index, ASSAY_FAKE_NVML_LIBRARY);
  }
};

TEST_F(Nvml, TellsWhatTheLibraryTells) {
  ::setenv("ASSAY_FAKE_NVML_ENERGY", "2500", 1);
  ::setenv("ASSAY_FAKE_NVML_PROCESSES", "2", 1);
  const auto opened = open(0);
  ASSERT_TRUE(opened.device.has_value()) << opened.reason;
  EXPECT_DOUBLE_EQ(opened.device->energy_joules().value(), 2.5);
  EXPECT_THAT(opened.device->processes().value(), ElementsAre(4000, 4001));
  EXPECT_EQ(opened.device->clock_mhz(), 1200);
  EXPECT_FALSE(opened.device->temperature_celsius().has_value()) << "this library has no such call";
  EXPECT_EQ(opened.device->throttled(), "");
}

TEST_F(Nvml, ThrottlingIsHeatOrHardwareNotTheUsersLimits) {
  ::setenv("ASSAY_FAKE_NVML_THROTTLE", "7", 1);  // idle, set clocks, power limit
  EXPECT_EQ(open(0).device->throttled(), "");
  ::setenv("ASSAY_FAKE_NVML_THROTTLE", "72", 1);
  EXPECT_EQ(open(0).device->throttled(), "the hardware slowed it down, it is too hot (hardware)");
}

TEST_F(Nvml, TheIndexIsThatOfCuda) {
  ::setenv("ASSAY_FAKE_NVML_INDEX", "3", 1);
  EXPECT_THAT(open(1).reason, HasSubstr("does not know the GPU"));
  ::setenv("CUDA_VISIBLE_DEVICES", "5,3", 1);
  EXPECT_TRUE(open(1).device.has_value());
  EXPECT_FALSE(open(2).device.has_value()) << "only two are visible";
}

TEST_F(Nvml, WithoutTheLibraryThereIsAReason) {
  const auto opened = NvmlDevice::open(0, "libassay-has-none.so");
  EXPECT_FALSE(opened.device.has_value());
  EXPECT_EQ(opened.reason, "there is no libassay-has-none.so");
}

}  // namespace
}  // namespace assay
