// Whatever a child leaves behind is gone when its run returns.

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "harness/base/clock.h"
#include "harness/process/dialogue.h"
#include "tests/process/run_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

/// Below the time that the fixture's grandchildren would sleep.
constexpr double kMuchSooner = 15;

TEST(Descendants, GrandchildThatHoldsThePipesDiesWithTheGroup) {
  const double start = monotonic_seconds();
  const Finished finished = run(fixture({"grandchild"}));
  EXPECT_THAT(finished.lines, ElementsAre("parent done"));
  EXPECT_EQ(finished.result.exit_code, 0);
  EXPECT_LT(monotonic_seconds() - start, kMuchSooner);
}

TEST(Descendants, GrandchildInASessionOfItsOwnDoesNotHoldThePipes) {
  ChildSpec spec = fixture({"grandchild", "escape"});
  const double start = monotonic_seconds();
  EXPECT_THAT(run(spec).lines, ElementsAre("parent done"));
  EXPECT_LT(monotonic_seconds() - start, kMuchSooner);
}

TEST(Descendants, KilledParentTakesItsChildrenAlong) {
  std::int64_t grandchild = 0, child = 0;
  ChildCallbacks callbacks;
  callbacks.on_start = [&](std::int64_t pid) { child = pid; };
  callbacks.on_line = [&](const std::string& line) {
    grandchild = std::stoll(line);
    ::kill(static_cast<pid_t>(child), SIGKILL);  // the process alone, not its group
  };
  EXPECT_EQ(run_child(fixture({"nest"}), callbacks).signal, SIGKILL);
  ASSERT_GT(grandchild, 0);
  EXPECT_TRUE(gone_soon(grandchild));
}

TEST(Descendants, ADaemonDoesNotOutliveItsChild) {
  for (const char* end : {"now", "segv"}) {
    const Finished finished = run(fixture({"daemon", end}));
    ASSERT_EQ(finished.lines.size(), 1U) << end;
    EXPECT_TRUE(gone(std::stoll(finished.lines[0]))) << end;
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "somebody was left uncollected";
}

TEST(Descendants, ADaemonDoesNotOutliveTheTimeLimit) {
  ChildSpec spec = fixture({"daemon", "wait"});
  spec.timeout_seconds = 0.5;
  const Finished finished = run(spec);
  EXPECT_TRUE(finished.result.timed_out);
  ASSERT_EQ(finished.lines.size(), 2U);
  EXPECT_TRUE(gone(std::stoll(finished.lines[0])));
}

TEST(Descendants, DaemonsThatMakeDaemonsAreOvertaken) {
  const Finished finished = run(fixture({"bomb", "40"}));
  EXPECT_FALSE(finished.lines.empty());
  EXPECT_LT(finished.lines.size(), 40U) << "it came to its own end";
  for (const std::string& pid : finished.lines) EXPECT_TRUE(gone(std::stoll(pid))) << pid;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Descendants, TheEndOfOneChildLeavesAnotherAndItsDaemonAlone) {
  std::stop_source stop;
  std::string daemon;
  std::atomic<bool> told = false;
  std::jthread other([&] {
    ChildCallbacks callbacks;
    callbacks.on_line = [&](const std::string& line) {
      if (daemon.empty()) daemon = line;
      told = line == "sleeping";
    };
    const ChildResult result = run_child(fixture({"daemon", "wait"}), callbacks, stop.get_token());
    EXPECT_EQ(result.signal, SIGTERM);
  });
  while (!told) ::usleep(10000);
  EXPECT_EQ(run(fixture({"daemon", "now"})).result.exit_code, 0);
  EXPECT_FALSE(gone(std::stoll(daemon)));
  stop.request_stop();
  other.join();
  EXPECT_TRUE(gone(std::stoll(daemon)));
}

TEST(Descendants, WhatOtherCodeForksIsNotOurs) {
  const pid_t foreign = ::fork();
  if (foreign == 0) {
    for (;;) ::pause();
  }
  run(fixture({"daemon", "now"}));
  EXPECT_FALSE(gone(foreign));
  ::kill(foreign, SIGKILL);
  EXPECT_EQ(::waitpid(foreign, nullptr, 0), foreign);
}

TEST(Descendants, ADialogueLeavesNobodyEither) {
  std::string daemon;
  {
    ChildSpec spec = fixture({"daemon", "wait"});
    spec.grace_seconds = 0.1;
    Dialogue dialogue(spec);
    daemon = dialogue.exchange("who?");
    EXPECT_FALSE(gone(std::stoll(daemon)));
  }
  EXPECT_TRUE(gone(std::stoll(daemon)));
}

}  // namespace
}  // namespace assay
