#include "harness/config/profile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "harness/base/clock.h"
#include "harness/measure/affinity.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A control group of its own, with a quota of so many cores.
class QuotaTest : public testing::Test {
 protected:
  QuotaTest() : root_(fs::temp_directory_path() / ("assay-quota-" + new_uuid())) {
    files_ = {root_ / "proc", root_ / "cgroup"};
    fs::create_directories(files_.proc / "self");
    fs::create_directories(files_.cgroup);
    std::ofstream(files_.proc / "self/cgroup") << "0::/\n";
  }
  ~QuotaTest() override { fs::remove_all(root_); }
  void allow(const std::string& text) const { std::ofstream(files_.cgroup / "cpu.max") << text; }
  static ProfileEntry profile(int threads, std::vector<int> cores = {}) {
    ProfileEntry entry;
    entry.threads = threads;
    entry.cores = std::move(cores);
    return entry;
  }

  fs::path root_;
  MachineFiles files_;
};

TEST_F(QuotaTest, LowersTheThreadsOfAProfileThatTakesAll) {
  const auto cores = static_cast<int>(allowed_cores().size());
  EXPECT_EQ(threads_on_this_machine(profile(0), files_), cores);
  allow("max 100000\n");
  EXPECT_EQ(threads_on_this_machine(profile(0), files_), cores);
  EXPECT_EQ(threads_on_this_machine(profile(0, {0, 1, 2, 3}), files_), 4);
  allow("250000 100000\n");
  EXPECT_EQ(threads_on_this_machine(profile(0, {0, 1, 2, 3}), files_), 2);
  EXPECT_FALSE(binding_quota(profile(0, {0, 1, 2, 3}), files_).has_value());
  allow("30000 100000\n");
  EXPECT_EQ(threads_on_this_machine(profile(0), files_), 1);
  EXPECT_DOUBLE_EQ(binding_quota(profile(0), files_).value(), 0.3);
}

TEST_F(QuotaTest, LeavesThreadsThatTheProfileNamesAndIsToldOf) {
  allow("150000 100000\n");
  EXPECT_EQ(threads_on_this_machine(profile(4), files_), 4);
  EXPECT_DOUBLE_EQ(binding_quota(profile(4), files_).value(), 1.5);
  EXPECT_FALSE(binding_quota(profile(1), files_).has_value());
}

TEST(UsedCores, ArePinnedOnesElseAllAllowed) {
  ProfileEntry entry;
  EXPECT_EQ(used_cores(entry), allowed_cores());
  entry.cores = {3, 1};
  EXPECT_EQ(used_cores(entry), (std::vector<int>{3, 1}));
}

}  // namespace
}  // namespace assay
