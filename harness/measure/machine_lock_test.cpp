#include "harness/measure/machine_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "harness/base/clock.h"
#include "harness/base/files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Locks : public testing::Test {
 protected:
  Locks() : folder_(fs::temp_directory_path() / ("assay-locks-" + new_uuid())) {
    fs::create_directories(folder_);
  }
  ~Locks() override { fs::remove_all(folder_); }

  std::unique_ptr<MachineLock> lock(const std::vector<int>& cores, bool alone,
                                    const std::string& device = "cpu",
                                    const std::stop_token& stop = {}) {
    return std::make_unique<MachineLock>(folder_, machine_parts(cores, device, alone), stop,
                                         [this](const std::string& text) {
                                           const std::lock_guard guard(mutex_);
                                           said_.push_back(text);
                                         });
  }
  /// Whether another one would get the lock at once.
  bool free(const std::vector<int>& cores, bool alone, const std::string& device = "cpu") {
    std::stop_source stopped;
    stopped.request_stop();
    return lock(cores, alone, device, stopped.get_token())->held();
  }

  fs::path folder_;
  std::mutex mutex_;
  std::vector<std::string> said_;
};

TEST_F(Locks, WhoTimesIsAloneOnItsCoresOnly) {
  const auto timing = lock({0, 1}, true);
  ASSERT_TRUE(timing->held());
  EXPECT_FALSE(free({1}, true));
  EXPECT_FALSE(free({1, 2}, false));
  EXPECT_TRUE(free({2, 3}, true));
}

TEST_F(Locks, ScoresGoTogetherAndKeepTimingOut) {
  auto score = lock({0, 1}, false);
  EXPECT_TRUE(free({0, 1}, false));
  EXPECT_FALSE(free({0}, true));
  score.reset();
  EXPECT_TRUE(free({0}, true));
}

TEST_F(Locks, TimingOnTwoGpusGoesTogetherAndKeepsTimingOnCoresOut) {
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  const auto gpu = lock({0, 1}, true, "cuda:1");
  EXPECT_TRUE(free({0, 1}, true, "cuda:0"));
  EXPECT_TRUE(free({0, 1}, true, "cuda"));
  EXPECT_FALSE(free({0, 1}, true, "cuda:1"));
  EXPECT_FALSE(free({0, 1}, true));
  EXPECT_TRUE(free({0, 1}, false));
}

TEST_F(Locks, AGpuIsTheSameOneUnderAnotherNumber) {
  ::setenv("CUDA_VISIBLE_DEVICES", "3,1", 1);
  const auto parts = machine_parts({}, "cuda:1", true);
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_THAT(parts, ElementsAre(Field(&MachinePart::name, "gpu1")));
}

TEST_F(Locks, NobodyOvertakesWhoWaitsToBeAlone) {
  auto score = lock({0}, false);
  std::atomic<bool> timed = false, scored = false, scored_first = false;
  std::thread timing([&] {
    const auto held = lock({0}, true);
    timed = true;
    std::this_thread::sleep_for(100ms);
  });
  std::this_thread::sleep_for(200ms);
  std::thread late([&] {
    const auto held = lock({0}, false);
    scored_first = !timed;
    scored = true;
  });
  std::this_thread::sleep_for(200ms);
  EXPECT_FALSE(timed);
  EXPECT_FALSE(scored) << "overtook the one who waits to be alone";
  score.reset();
  timing.join();
  late.join();
  EXPECT_TRUE(timed && scored);
  EXPECT_FALSE(scored_first);
}

TEST_F(Locks, ManyWhoAskInAnyOrderAllGetTheirTurnAlone) {
  std::atomic<int> inside = 0, most = 0, turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 3; ++turn) {
        const auto held = lock(i % 2 == 0 ? std::vector{0, 1} : std::vector{2, 1}, true);
        if (++inside > 1) ++most;
        std::this_thread::sleep_for(1ms);
        --inside;
        ++turns;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, 24);
  EXPECT_EQ(most, 0) << "core 1 was given to two at once";
}

TEST_F(Locks, SaysWhatItWaitsForAndStopsWhenAsked) {
  const auto timing = lock({5}, true);
  std::stop_source stop;
  std::unique_ptr<MachineLock> second;
  std::thread waiting([&] { second = lock({5}, true, "cpu", stop.get_token()); });
  std::this_thread::sleep_for(900ms);
  stop.request_stop();
  waiting.join();
  EXPECT_FALSE(second->held());
  EXPECT_EQ(second->problem(), "");
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_THAT(said_[0], HasSubstr((folder_ / "assay-cpu5.lock").string() + " is held by "));
}

TEST_F(Locks, AFileThatIsRemovedMeanwhileDoesNotLetTwoIn) {
  auto first = lock({0}, true);
  std::unique_ptr<MachineLock> second;
  std::thread waiting([&] { second = lock({0}, true); });
  std::this_thread::sleep_for(100ms);
  fs::remove(folder_ / "assay-cpu0.lock");
  first.reset();
  waiting.join();
  ASSERT_TRUE(second->held());
  EXPECT_FALSE(free({0}, true)) << "it holds a file that is no more";
}

TEST_F(Locks, WithoutAPlaceThereIsAProblemAndNoWaiting) {
  fs::remove_all(folder_);
  const auto none = lock({0}, true);
  EXPECT_FALSE(none->held());
  EXPECT_THAT(none->problem(), HasSubstr("cannot lock " + folder_.string()));
}

TEST_F(Locks, FilesOfOneUserServeAll) {
  const mode_t before = ::umask(0077);
  const auto timing = lock({0}, true);
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "assay-cpu0.lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644U);
}

TEST(LockFolder, IsChosenByTheVariableElseOpenToEverybody) {
  ::setenv("ASSAY_LOCKS", "/somewhere", 1);
  EXPECT_EQ(lock_folder(), "/somewhere");
  ::unsetenv("ASSAY_LOCKS");
  struct stat status {};
  ASSERT_EQ(::stat(lock_folder().c_str(), &status), 0);
  EXPECT_NE(status.st_mode & S_IWOTH, 0U);
}

}  // namespace
}  // namespace assay
