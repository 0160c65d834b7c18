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
  EXPECT_EQ(named(classify(result, {}, 2000)), "CRASHED signal:SIGKILL");
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
}

}  // namespace
}  // namespace assay
