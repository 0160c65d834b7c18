#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/process/run_fixture.h"

namespace assay {
namespace {

TEST(TimeLimit, EndsAHangingChild) {
  ChildSpec spec = fixture({"sleep"});
  spec.timeout_seconds = 0.3;
  const Finished finished = run(spec);
  EXPECT_TRUE(finished.result.timed_out);
  EXPECT_EQ(finished.result.signal, SIGTERM);
  EXPECT_GE(finished.result.wall_seconds, 0.3);
  EXPECT_EQ(named(classify(finished.result, {})), "TIMEOUT limit");
}

/// A callback that does not return is as good as a stop of this program: nothing else runs.
TEST(TimeLimit, ThatPassedWhileThisProgramStoodStillKillsNobody) {
  ChildSpec spec = fixture({"flood"});
  spec.timeout_seconds = 1;
  spec.grace_seconds = 0.2;
  std::size_t lines = 0;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string&) {
    if (lines++ == 0) ::sleep(4);
  };
  const ChildResult result = run_child(spec, callbacks);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(lines, 5U << 10) << "some of its output was lost";
  EXPECT_GT(result.paused_seconds, 3);
  EXPECT_GT(result.wall_seconds, 4);
}

TEST(TimeLimit, GoesOnAfterAStop) {
  ChildSpec spec = fixture({"sleep"});
  spec.timeout_seconds = 1;
  ChildCallbacks callbacks;
  callbacks.on_line = [](const std::string&) { ::sleep(3); };
  const ChildResult result = run_child(spec, callbacks);
  EXPECT_TRUE(result.timed_out);
  EXPECT_GT(result.wall_seconds, 3.5);
}

TEST(TimeLimit, AStoppedChildIsNoticed) {
  for (const bool stop : {false, true}) {
    ChildSpec spec = fixture({"sleep"});
    spec.timeout_seconds = 1.5;
    std::thread other;
    ChildCallbacks callbacks;
    callbacks.on_start = [&](std::int64_t pid) {
      if (!stop) return;
      other = std::thread([pid] {
        ::usleep(200000);
        ::kill(static_cast<pid_t>(pid), SIGSTOP);
        ::usleep(600000);
        ::kill(static_cast<pid_t>(pid), SIGCONT);
      });
    };
    const ChildResult result = run_child(spec, callbacks);
    if (other.joinable()) other.join();
    EXPECT_TRUE(result.timed_out);
    if (stop) {
      EXPECT_GT(result.paused_seconds, 0.2);
    } else {
      EXPECT_EQ(result.paused_seconds, 0);
    }
  }
}

TEST(TimeLimit, DeafChildIsKilledAfterTheGraceTime) {
  ChildSpec spec = fixture({"ignore_terminate"});
  spec.timeout_seconds = 0.5;
  spec.grace_seconds = 0.2;
  const Finished finished = run(spec);
  EXPECT_TRUE(finished.result.timed_out);
  EXPECT_EQ(finished.result.signal, SIGKILL);
  EXPECT_GE(finished.result.wall_seconds, 0.7);
}

}  // namespace
}  // namespace assay
