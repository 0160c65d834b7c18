#include "harness/process/classify.h"

#include <gtest/gtest.h>

#include <csignal>

namespace assay {
namespace {

WorkerReply good_reply() {
  WorkerReply reply;
  reply.outcome = OutcomeReason{.outcome = Outcome::kOk, .code = "", .text = ""};
  reply.complete = true;
  return reply;
}

std::string named(const OutcomeReason& reason) {
  return std::string(outcome_name(reason.outcome)) + " " + reason.code;
}

TEST(Classify, GoodExitAndGoodReplyAreOk) { EXPECT_EQ(named(classify({}, good_reply())), "OK "); }

TEST(Classify, ExitCodeAndReplyArePair) {
  ChildResult failed;
  failed.exit_code = 3;
  EXPECT_EQ(named(classify(failed, good_reply())), "CRASHED error");
  WorkerReply no_bye = good_reply();
  no_bye.complete = false;
  EXPECT_EQ(named(classify({}, no_bye)), "CRASHED incomplete_reply");
  WorkerReply no_outcome = good_reply();
  no_outcome.outcome.reset();
  EXPECT_EQ(named(classify({}, no_outcome)), "CRASHED incomplete_reply");
}

TEST(Classify, OurKillsComeFirst) {
  ChildResult result;
  result.signal = SIGKILL;
  result.oom_killed = true;
  result.protocol_error = "x";
  result.interrupted = true;
  EXPECT_EQ(named(classify(result, good_reply())), "INTERRUPTED stopped");
  result.interrupted = false;
  result.timed_out = true;
  EXPECT_EQ(named(classify(result, good_reply())), "TIMEOUT limit");
  result.timed_out = false;
  EXPECT_EQ(named(classify(result, good_reply())), "CRASHED protocol");
  result.protocol_error.clear();
  EXPECT_EQ(named(classify(result, good_reply())), "OOM killed");
}

TEST(Classify, ReportedOutcomeBeatsTheWayItDied) {
  WorkerReply reply;
  reply.outcome = OutcomeReason{.outcome = Outcome::kOom, .code = "device", .text = "t"};
  ChildResult result;
  result.signal = SIGSEGV;
  EXPECT_EQ(named(classify(result, reply)), "OOM device");
}

TEST(Classify, ReportedOkDoesNotHideASignal) {
  ChildResult result;
  result.signal = SIGSEGV;
  EXPECT_EQ(named(classify(result, good_reply())), "CRASHED signal:SIGSEGV");
}

TEST(Classify, KillNearTheMemoryLimitIsOutOfMemory) {
  ChildResult result;
  result.signal = SIGKILL;
  result.peak_rss_bytes = 990;
  EXPECT_EQ(named(classify(result, {}, 1000)), "OOM killed");
  WorkerReply greeted;
  greeted.environment = {{"torch", "2"}};
  EXPECT_EQ(named(classify(result, greeted, 2000)), "CRASHED signal:SIGKILL");
  EXPECT_EQ(named(classify(result, {})), "CRASHED signal:SIGKILL");
}

TEST(Classify, UncaughtFailedAllocation) {
  ChildResult result;
  result.signal = SIGABRT;
  EXPECT_EQ(named(classify(result, {})), "CRASHED signal:SIGABRT");
  result.stderr_tail = "terminate called after throwing an instance of 'std::bad_alloc'\n";
  EXPECT_EQ(named(classify(result, {})), "OOM host");
  result.stderr_tail = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried";
  EXPECT_EQ(named(classify(result, {})), "OOM host");
  result.signal = SIGSEGV;
  EXPECT_EQ(named(classify(result, {})), "CRASHED signal:SIGSEGV");
  result.signal = 0;
  result.exit_code = 70;
  result.stderr_tail = "assay-worker: std::bad_alloc\n";
  EXPECT_EQ(named(classify(result, {})), "OOM host");
}

TEST(Classify, AStopThatThisRunDidNotAskForIsACrashNotAnInterrupt) {
  WorkerReply reply = good_reply();
  reply.outcome = OutcomeReason{Outcome::kInterrupted, "sigterm", "interrupted"};
  const OutcomeReason reason = classify({}, reply);
  EXPECT_EQ(named(reason), "CRASHED signal:SIGTERM");
  EXPECT_NE(reason.text.find("this run did not send"), std::string::npos) << reason.text;
  ChildResult stopped;
  stopped.interrupted = true;
  EXPECT_EQ(named(classify(stopped, reply)), "INTERRUPTED stopped");
  ChildResult dead;
  dead.signal = SIGTERM;
  EXPECT_EQ(named(classify(dead, {})), "CRASHED signal:SIGTERM");
}

TEST(Classify, DeathWhileLoadingUnderALimitIsOutOfMemoryWithTheLimitNamed) {
  constexpr std::int64_t kLimit = 64 << 20;
  ChildResult loader;
  loader.exit_code = 127;
  loader.stderr_tail =
      "assay-worker: error while loading shared libraries: libtorch_cpu.so: failed to map segment "
      "from shared object\n";
  EXPECT_EQ(named(classify(loader, {})), "CRASHED error") << "without a limit it is something else";
  const OutcomeReason reason = classify(loader, {}, kLimit);
  EXPECT_EQ(named(reason), "OOM host");
  EXPECT_NE(reason.text.find("memory limit of " + std::string("64")), std::string::npos)
      << reason.text;
  loader.stderr_tail = "error while loading shared libraries: libx.so: No such file or directory\n";
  EXPECT_EQ(named(classify(loader, {}, kLimit)), "CRASHED error");
  for (const int signal : {SIGSEGV, SIGKILL, SIGBUS, SIGABRT}) {
    ChildResult early;
    early.signal = signal;
    EXPECT_EQ(named(classify(early, {}, kLimit)), "OOM host") << signal;
    EXPECT_EQ(named(classify(early, {}, std::int64_t{8} << 30)),
              "CRASHED " + ("signal:" + signal_name(signal)));
  }
}

TEST(Classify, AFaultAtTheEdgeOfTheAddressSpaceIsOutOfMemory) {
  constexpr std::int64_t kLimit = std::int64_t{8} << 30;
  WorkerReply greeted;
  greeted.environment = {{"torch", "2"}};
  ChildResult result;
  result.signal = SIGSEGV;
  result.peak_address_bytes = kLimit - 1;
  EXPECT_EQ(named(classify(result, greeted, kLimit)), "OOM host");
  result.peak_address_bytes = kLimit / 2;
  EXPECT_EQ(named(classify(result, greeted, kLimit)), "CRASHED signal:SIGSEGV");
  result.peak_address_bytes = kLimit - 1;
  EXPECT_EQ(named(classify(result, greeted)), "CRASHED signal:SIGSEGV") << "no limit was set";
}

TEST(Classify, AThreadThatGotNoStackUnderALimitIsOutOfMemory) {
  ChildResult result;
  result.exit_code = 1;
  result.stderr_tail = "\nlibgomp: Thread creation failed: Resource temporarily unavailable\n";
  EXPECT_EQ(named(classify(result, {}, std::int64_t{2} << 30)), "OOM host");
  EXPECT_EQ(named(classify(result, {})), "CRASHED error");
}

}  // namespace
}  // namespace assay
