// A child that is asked several things, one after the other.

#include "harness/process/lasting_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "harness/base/clock.h"
#include "tests/process/run_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class Conversation {
 public:
  explicit Conversation(double timeout_seconds = 20, const std::string& end_code = "") {
    ChildSpec spec = fixture({"converse", end_code});
    spec.timeout_seconds = timeout_seconds;
    child_.emplace(spec);
  }
  Finished ask(const std::string& what, std::stop_token stop = {}) {
    Finished finished;
    ChildCallbacks callbacks;
    callbacks.on_line = [&](const std::string& line) { finished.lines.push_back(line); };
    finished.result = child_->ask(
        what + "\n", callbacks,
        [&] { return !finished.lines.empty() && finished.lines.back() == "done"; }, stop);
    return finished;
  }
  LastingChild& child() { return *child_; }
  void let_go() { child_.reset(); }

 private:
  std::optional<LastingChild> child_;
};

bool is_alive(std::int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0; }

TEST(ALastingChild, AnswersOneAfterTheOther) {
  Conversation conversation;
  const Finished first = conversation.ask("say one");
  EXPECT_THAT(first.lines, ElementsAre("one", "done"));
  EXPECT_TRUE(first.result.lives_on);
  EXPECT_TRUE(is_alive(first.result.pid));
  const Finished second = conversation.ask("say two");
  EXPECT_THAT(second.lines, ElementsAre("two", "done"));
  EXPECT_EQ(second.result.pid, first.result.pid);
  conversation.let_go();
  EXPECT_FALSE(is_alive(first.result.pid));
}

TEST(ALastingChild, EachAnswerHasItsOwnTimes) {
  Conversation conversation;
  const Finished busy = conversation.ask("spin 0.4");
  EXPECT_GT(busy.result.cpu_seconds, 0.3);
  EXPECT_GT(busy.result.wall_seconds, 0.3);
  const Finished idle = conversation.ask("say x");
  EXPECT_LT(idle.result.cpu_seconds, 0.2);
  EXPECT_LT(idle.result.wall_seconds, busy.result.wall_seconds);
  const Finished large = conversation.ask("hold 64");
  EXPECT_GT(large.result.peak_rss_bytes, std::int64_t{64} << 20);
  EXPECT_LT(idle.result.peak_rss_bytes, std::int64_t{64} << 20);
}

/// The limit is one question's, and what it waits in between is nobody's.
TEST(ALastingChild, TheTimeLimitIsThatOfOneAnswer) {
  Conversation conversation(1.0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(conversation.ask("sleep 0.4").result.lives_on);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  const Finished after = conversation.ask("say x");
  EXPECT_TRUE(after.result.lives_on);
  EXPECT_EQ(after.result.paused_seconds, 0);
  const Finished late = conversation.ask("sleep 10");
  EXPECT_TRUE(late.result.timed_out);
  EXPECT_FALSE(late.result.lives_on);
  EXPECT_TRUE(conversation.child().has_ended());
  EXPECT_FALSE(is_alive(late.result.pid));
}

TEST(ALastingChild, ItsDeathIsThatOfTheAnswer) {
  Conversation conversation;
  EXPECT_TRUE(conversation.ask("say x").result.lives_on);
  const Finished dead = conversation.ask("die 11");
  EXPECT_EQ(dead.result.signal, SIGSEGV);
  EXPECT_FALSE(dead.result.lives_on);
  EXPECT_TRUE(conversation.child().has_ended());
}

TEST(ALastingChild, OneThatDiedWhileItWaitedHasSaidNothing) {
  Conversation conversation;
  const Finished first = conversation.ask("say x");
  ::kill(static_cast<pid_t>(first.result.pid), SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const Finished second = conversation.ask("say y");
  EXPECT_THAT(second.lines, ElementsAre());
  EXPECT_EQ(second.result.signal, SIGKILL);
}

TEST(ALastingChild, AStopEndsIt) {
  Conversation conversation;
  EXPECT_TRUE(conversation.ask("say x").result.lives_on);
  std::stop_source stop;
  std::jthread asker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const double start = monotonic_seconds();
  const Finished stopped = conversation.ask("sleep 20", stop.get_token());
  EXPECT_TRUE(stopped.result.interrupted);
  EXPECT_LT(monotonic_seconds() - start, 10);
  EXPECT_TRUE(conversation.ask("say y", stop.get_token()).result.interrupted);
}

TEST(ALastingChild, HowItEndedIsTold) {
  Conversation conversation(20, "3");
  EXPECT_TRUE(conversation.ask("say x").result.lives_on);
  const ChildResult end = conversation.child().end();
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_FALSE(end.lives_on);
}

TEST(ALastingChild, OneThatDoesNotEndIsKilled) {
  ChildSpec spec = fixture({"converse", ""});
  spec.grace_seconds = 0.3;
  LastingChild child(spec);
  ChildCallbacks callbacks;
  const std::stop_source stop;
  std::vector<std::string> lines;
  callbacks.on_line = [&](const std::string& line) { lines.push_back(line); };
  const auto answered = [&] { return !lines.empty(); };
  EXPECT_TRUE(child.ask("say x\nsleep 30\n", callbacks, answered).lives_on);
  EXPECT_EQ(child.end().signal, SIGKILL);
}

}  // namespace
}  // namespace assay
