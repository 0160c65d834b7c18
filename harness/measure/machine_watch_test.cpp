#include "harness/measure/machine_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/base/clock.h"
#include "harness/measure/machine_memory.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FakeMachine : public testing::Test {
 protected:
  FakeMachine() : root_(fs::temp_directory_path() / ("assay-machine-" + new_uuid())) {
    files_ = {root_ / "proc", root_ / "cgroup"};
    write("proc/self/cgroup", "");
    fs::create_directories(files_.cgroup);
  }
  ~FakeMachine() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  /// Seconds of core 0 and of core 1 in programs, and seconds stolen of each.
  void spend(double first, double second, double stolen) const {
    const auto ticks = [](double seconds) {
      return std::to_string(
          static_cast<long>(seconds * static_cast<double>(::sysconf(_SC_CLK_TCK))));
    };
    const auto core = [&](const char* name, double seconds) {
      // Half in programs, half in the kernel; idle, waiting and interrupts do not count.
      return std::string(name) + " " + ticks(seconds / 2) + " 0 " + ticks(seconds / 2) +
             " 99999 777 55 44 " + ticks(stolen) + " 0 0\n";
    };
    write("proc/stat",
          "cpu  1 2 3 4\n" + core("cpu0", first) + core("cpu1", second) + "intr 5 6\n");
  }

  fs::path root_;
  MachineFiles files_;
};

TEST_F(FakeMachine, QuotaOfVersion2IsTheTightestOfAllAbove) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_FALSE(cpu_quota(files_).has_value());
  write("cgroup/a/b/cpu.max", "300000 100000\n");
  write("cgroup/a/cpu.max", "75000 50000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(files_).value().cores, 1.5);
  EXPECT_EQ(cpu_quota(files_).value().group, "/a");
  EXPECT_EQ(whole_cores(*cpu_quota(files_)), 1);
  write("cgroup/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(files_).value().cores, 0.5);
  EXPECT_EQ(whole_cores(*cpu_quota(files_)), 1);
}

TEST_F(FakeMachine, MemoryIsWhatTheMachineHasOrItsGroupsAllow) {
  EXPECT_FALSE(usable_memory_bytes(files_).has_value());
  write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:         10 kB\n");
  EXPECT_EQ(usable_memory_bytes(files_), 1024000);
  write("proc/self/cgroup", "0::/a/b\n3:memory:/job\n");
  write("cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(usable_memory_bytes(files_), 1024000);
  write("cgroup/a/memory.max", "900000\n");
  EXPECT_EQ(usable_memory_bytes(files_), 900000);
  write("cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(usable_memory_bytes(files_), 900000) << "how version 1 says that there is no limit";
  write("cgroup/memory/memory.limit_in_bytes", "800000\n");
  EXPECT_EQ(usable_memory_bytes(files_), 800000);
}

TEST_F(FakeMachine, QuotaOfVersion1) {
  write("proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/box/job\n2:cpuset:/\n");
  write("cgroup/cpu,cpuacct/box/job/cpu.cfs_quota_us", "-1\n");
  write("cgroup/cpu,cpuacct/box/job/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cpu_quota(files_).has_value());
  write("cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  write("cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(files_).value().cores, 2.5);
  EXPECT_EQ(cpu_quota(files_).value().group, "/cpu,cpuacct/box");
}

TEST_F(FakeMachine, AContainerSeesItsOwnGroupAsTheRootWhateverThePathSays) {
  write("proc/self/cgroup", "1:cpu:/docker/0123\n");
  write("cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(files_).value().cores, 2);
  write("proc/self/cgroup", "0::/../../other\n");
  write("cgroup/cpu.max", "100000 100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(files_).value().cores, 1);
}

TEST_F(FakeMachine, WithoutControlGroupsThereIsNoQuota) {
  fs::remove_all(root_);
  EXPECT_FALSE(cpu_quota(files_).has_value());
  EXPECT_TRUE(throttled_by_quota(files_).empty());
  EXPECT_TRUE(core_times(files_).empty());
  EXPECT_THAT(MachineWatch({0, 1}, files_).remarks(1, 0), IsEmpty());
}

TEST_F(FakeMachine, MoreThreadsThanTheQuotaAreRemarkedOn) {
  write("proc/self/cgroup", "0::/\n");
  write("cgroup/cpu.max", "250000 100000\n");
  EXPECT_THAT(quota_remarks(2, files_), IsEmpty());
  EXPECT_THAT(quota_remarks(3, files_),
              ElementsAre(AllOf(Field(&MachineRemark::code, "machine_quota"),
                                Field(&MachineRemark::text, HasSubstr("write threads = 2")))));
  write("cgroup/cpu.max", "50000 100000\n");
  EXPECT_THAT(quota_remarks(1, files_),
              ElementsAre(Field(&MachineRemark::text, Not(HasSubstr("write threads")))));
}

TEST_F(FakeMachine, StolenTimeIsHeldAgainstTheUsedCores) {
  spend(100, 100, 7);
  const MachineWatch watch({0, 1}, files_);
  spend(110, 110, 7.19);  // 0.38 s of 20 s: less than two per cent
  EXPECT_THAT(watch.remarks(10, 20), IsEmpty());
  spend(110, 110, 7.3);
  EXPECT_THAT(watch.remarks(10, 20),
              ElementsAre(AllOf(Field(&MachineRemark::code, "machine_steal"),
                                Field(&MachineRemark::text, HasSubstr("3.0 %")))));
}

TEST_F(FakeMachine, WhatOthersUsedIsAllButOurs) {
  spend(50, 80, 0);
  const MachineWatch both({0, 1}, files_), first({0}, files_), second({1}, files_);
  spend(60, 83, 0);
  EXPECT_THAT(both.remarks(10, 13), IsEmpty());
  EXPECT_THAT(both.remarks(10, 11.1), IsEmpty());
  EXPECT_THAT(both.remarks(10, 10.9),
              ElementsAre(AllOf(Field(&MachineRemark::code, "machine_busy"),
                                Field(&MachineRemark::text, HasSubstr("0.21 of the 2 cores")))));
  EXPECT_THAT(first.remarks(10, 9.9), IsEmpty()) << "what others did on core 1 is no concern of it";
  EXPECT_THAT(second.remarks(10, 0), ElementsAre(Field(&MachineRemark::code, "machine_busy")));
}

TEST_F(FakeMachine, AShortProcessIsNotJudged) {
  spend(0, 0, 0);
  const MachineWatch watch({0, 1}, files_);
  spend(10, 10, 10);
  EXPECT_THAT(watch.remarks(0.4, 0), IsEmpty());
}

TEST_F(FakeMachine, AQuotaThatStoppedThreadsIsSaidOnce) {
  write("proc/self/cgroup", "0::/a\n1:cpu:/\n");
  write("cgroup/a/cpu.stat", "usage_usec 5\nnr_periods 10\nnr_throttled 1\nthrottled_usec 900\n");
  write("cgroup/cpu.stat", "nr_periods 10\nnr_throttled 1\nthrottled_usec 900\n");
  const MachineWatch watch({0}, files_);
  write("cgroup/a/cpu.stat", "nr_periods 99\nnr_throttled 41\nthrottled_usec 2000900\n");
  write("cgroup/cpu.stat", "nr_periods 99\nnr_throttled 41\nthrottled_usec 1000900\n");
  EXPECT_THAT(watch.remarks(10, 10),
              ElementsAre(AllOf(
                  Field(&MachineRemark::code, "machine_throttled_quota"),
                  Field(&MachineRemark::text, HasSubstr("/a used up its quota in 40 periods")),
                  Field(&MachineRemark::text, HasSubstr("2.00 s")))));
}

TEST_F(FakeMachine, ThrottledTimeOfVersion1IsInNanoseconds) {
  write("proc/self/cgroup", "1:cpu:/\n");
  write("cgroup/cpu/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 1500000000\n");
  const auto counts = throttled_by_quota(files_);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts.begin()->second.periods, 2);
  EXPECT_DOUBLE_EQ(counts.begin()->second.seconds, 1.5);
}

TEST(RealMachine, TellsWhatItTells) {
  for (const auto& [core, times] : core_times()) {
    EXPECT_GE(core, 0);
    EXPECT_GE(times.programs, 0);
  }
  const auto quota = cpu_quota();
  EXPECT_TRUE(!quota || quota->cores > 0);
}

}  // namespace
}  // namespace assay
