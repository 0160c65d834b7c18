#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "harness/base/errors.h"
#include "harness/measure/affinity.h"
#include "harness/measure/code_version.h"
#include "harness/measure/machine.h"
#include "harness/measure/memory.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

TEST(Memory, SeesPagesComeAndThePeakStay) {
  constexpr std::size_t kBytes = std::size_t{128} << 20;
  const std::int64_t before = current_rss_bytes().value();
  void* pages = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 1, kBytes);
  const std::int64_t during = current_rss_bytes().value();
  ::munmap(pages, kBytes);
  const std::int64_t after = current_rss_bytes().value();
  constexpr auto kMost = static_cast<std::int64_t>(kBytes / 10 * 9);
  EXPECT_GT(during - before, kMost);
  EXPECT_GT(during - after, kMost);
  EXPECT_GE(peak_rss_bytes().value(), during - (std::int64_t{4} << 20));
}

TEST(Memory, TheWatchSeesAPassOnly) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const auto touch = [] {
    void* pages =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(pages, 1, kBytes);
    return pages;
  };
  ::munmap(touch(), kBytes);  // before the watch: VmHWM would still tell
  ResidentWatch watch;
  const std::int64_t before = watch.peak_bytes().value();
  EXPECT_LT(before, peak_rss_bytes().value());
  void* pages = touch();
  EXPECT_GT(watch.peak_bytes().value() - before, static_cast<std::int64_t>(kBytes / 10 * 9));
  ::munmap(pages, kBytes);
  EXPECT_GT(watch.peak_bytes().value() - before, static_cast<std::int64_t>(kBytes / 10 * 9));
}

TEST(Affinity, PinsTheThreadAndThoseItStarts) {
  const std::vector<int> allowed = allowed_cores();
  ASSERT_FALSE(allowed.empty());
  std::thread([&] {
    pin_to_cores({allowed.back()});
    EXPECT_EQ(allowed_cores(), std::vector<int>{allowed.back()});
    EXPECT_EQ(::sched_getcpu(), allowed.back());
    std::thread([&] { EXPECT_EQ(allowed_cores(), std::vector<int>{allowed.back()}); }).join();
  }).join();
  EXPECT_EQ(allowed_cores(), allowed);
  pin_to_cores({});
  EXPECT_EQ(allowed_cores(), allowed);
}

TEST(Affinity, RefusesACoreThatIsNotThere) {
  try {
    pin_to_cores({1023});
    FAIL() << "pinned";
  } catch (const MachineError& error) {
    EXPECT_NE(std::string(error.what()).find("core 1023"), std::string::npos);
  }
}

TEST(Machine, DescribesItself) {
  const Json environment = machine_environment();
  EXPECT_GE(environment.at("cpu").at("logical_cores").get<int>(), 1);
  EXPECT_FALSE(environment.at("cpu").at("isa").empty());
  EXPECT_GT(environment.at("memory_bytes").get<std::int64_t>(), std::int64_t{1} << 20);
  EXPECT_EQ(environment, machine_environment());
  EXPECT_GE(load_average().value(), 0);
  EXPECT_TRUE(environment.at("kernel").get<std::string>().starts_with("Linux"));
  EXPECT_FALSE(environment.at("build").at("compiler").get<std::string>().empty());
}

TEST(CodeVersion, IsTheCommitOfTheSources) {
  const std::string commit = code_commit();
  EXPECT_TRUE(commit.empty() || commit.size() >= 7);
  EXPECT_TRUE(commit.find_first_not_of("0123456789abcdef") == std::string::npos) << commit;
  EXPECT_EQ(build_environment().value("commit", ""), commit);
  EXPECT_EQ(build_environment().value("dirty", false), code_dirty());
}

TEST(ProcFile, ReadsValues) {
  const std::string path = ::testing::TempDir() + "/proc_file_test";
  std::ofstream(path) << "\tname :  a: b \nother:1\n";
  EXPECT_EQ(proc_value(path, "name"), "a: b");
  EXPECT_EQ(proc_value(path, "other"), "1");
  EXPECT_EQ(proc_value(path, "othe"), "");
  EXPECT_EQ(first_line("/nowhere"), "");
}

}  // namespace
}  // namespace assay
