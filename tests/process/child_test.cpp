#include "harness/process/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/process/classify.h"
#include "tests/process/run_fixture.h"
#include "tests/support/build_paths.h"
#include "tests/support/sanitizers.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// Runs the fixture as a worker whose reply is read, as the runner does.
OutcomeReason attempt(const ChildSpec& spec) {
  ReplyReader reader;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) { reader.feed(line); };
  const ChildResult result = run_child(spec, callbacks);
  return classify(result, reader.reply(), spec.memory_limit_bytes.value_or(0));
}

TEST(RunChild, ReportsExitCodeAndSignalApart) {
  EXPECT_EQ(run(fixture({"exit", "11"})).result.exit_code, 11);
  EXPECT_EQ(run(fixture({"exit", "11"})).result.signal, 0);
  EXPECT_EQ(run(fixture({"segv"})).result.signal, SIGSEGV);
}

TEST(RunChild, DeathsBecomeOutcomes) {
  EXPECT_EQ(named(attempt(fixture({"segv"}))), "CRASHED signal:SIGSEGV");
  EXPECT_EQ(named(attempt(fixture({"abort"}))), "CRASHED signal:SIGABRT");
  EXPECT_EQ(named(attempt(fixture({"exit", "3"}))), "CRASHED error");
  EXPECT_EQ(named(attempt(fixture({"exit", "0"}))), "CRASHED incomplete_reply");
  EXPECT_EQ(named(attempt(fixture({"write", "garbage\n"}))), "CRASHED protocol");
  EXPECT_EQ(named(attempt(fixture({"reply", "0"}))), "OK ");
  EXPECT_EQ(named(attempt(fixture({"reply", "3"}))), "CRASHED error");
  EXPECT_EQ(named(attempt(fixture({"reply", "silent"}))), "CRASHED incomplete_reply");
}

TEST(RunChild, OutOfMemoryUnderALimit) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer's build does not fit under RLIMIT_AS";
  ChildSpec spec = fixture({"out_of_memory"});
  spec.memory_limit_bytes = std::int64_t{512} << 20;
  EXPECT_EQ(named(attempt(spec)), "OOM host");
}

TEST(RunChild, AFaultWhereTheAddressSpaceEndsIsOutOfMemory) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer's build does not fit under RLIMIT_AS";
  ChildSpec spec = fixture({"map_and_fault", "4000"});
  spec.memory_limit_bytes = std::int64_t{1200} << 20;
  const OutcomeReason reason = attempt(spec);
  EXPECT_EQ(named(reason), "OOM host");
  EXPECT_THAT(reason.text, HasSubstr("memory limit of 1.2 GiB"));
  spec.arguments = {"map_and_fault", "100"};
  EXPECT_EQ(named(attempt(spec)), "CRASHED signal:SIGSEGV");
}

TEST(RunChild, NotEnoughMemoryToBeLoadedIsOutOfMemory) {
  for (const std::int64_t limit : {std::int64_t{1} << 20, std::int64_t{4} << 20}) {
    ChildSpec spec = fixture({"sleep"});
    spec.memory_limit_bytes = limit;
    spec.timeout_seconds = 20;
    EXPECT_EQ(named(attempt(spec)), "OOM host") << limit;
  }
}

TEST(RunChild, TooManyOpenFilesIsTheMachinesFaultAndLeavesNobody) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer's build needs files of its own";
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  for (rlim_t limit = 4; limit < 24; ++limit) {
    const rlimit few{limit, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::string said;
    try {
      run(fixture({"exit", "0"}));
    } catch (const MachineError& error) {
      said = error.what();
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    if (limit < 6 || !said.empty()) {
      EXPECT_THAT(said, HasSubstr("ulimit -n")) << limit;
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left uncollected, " << limit;
  }
}

TEST(RunChild, MissingProgramSaysSo) {
  ChildSpec spec;
  spec.program = "/nowhere/assay-worker";
  try {
    run(spec);
    FAIL() << "started";
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/assay-worker"));
    EXPECT_THAT(error.what(), HasSubstr("No such file"));
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left uncollected";
  spec.program = source_dir();  // a folder
  EXPECT_THROW(run(spec), MachineError);
  spec = fixture({"exit", "0"});
  spec.working_folder = "/nowhere";
  EXPECT_THROW(run(spec), MachineError);
}

TEST(RunChild, FloodOnBothPipesIsReadWhole) {
  const Finished finished = run(fixture({"flood"}));
  EXPECT_EQ(finished.lines.size(), 5U * 1024);
  EXPECT_EQ(finished.lines.back().size(), 1023U);
  EXPECT_EQ(finished.result.stderr_tail.size(), kStderrTailBytes);
  EXPECT_EQ(finished.result.exit_code, 0);
}

TEST(RunChild, OutputBeyondItsBoundEndsTheChild) {
  ChildSpec spec = fixture({"endless_line"});
  spec.max_line_bytes = 1 << 20;
  EXPECT_THAT(run(spec).result.protocol_error, HasSubstr("line longer"));
  spec = fixture({"flood"});
  spec.max_output_bytes = 1 << 20;
  EXPECT_THAT(run(spec).result.protocol_error, HasSubstr("1048576 bytes"));
}

TEST(RunChild, ExceptionOfTheReaderEndsTheChild) {
  ChildCallbacks callbacks;
  int lines = 0;
  callbacks.on_line = [&](const std::string&) {
    ++lines;
    throw std::runtime_error("not what I expected");
  };
  const ChildResult result = run_child(fixture({"flood"}), callbacks);
  EXPECT_EQ(result.protocol_error, "not what I expected");
  EXPECT_EQ(lines, 1);
}

TEST(RunChild, ExceptionOfAnotherCallbackLeavesNoChild) {
  std::int64_t pid = 0;
  ChildCallbacks callbacks;
  callbacks.on_start = [&](std::int64_t started) {
    pid = started;
    throw std::logic_error("from the caller");
  };
  EXPECT_THROW(run_child(fixture({"sleep"}), callbacks), std::logic_error);
  EXPECT_TRUE(gone(pid));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(RunChild, HalfLineAtDeathIsDroppedAndMarked) {
  const Finished finished = run(fixture({"half_line"}));
  EXPECT_THAT(finished.lines, ElementsAre("whole"));
  EXPECT_TRUE(finished.result.unfinished_line);
  EXPECT_EQ(finished.result.signal, SIGKILL);
  EXPECT_FALSE(run(fixture({"write", "whole\n"})).result.unfinished_line);
}

TEST(RunChild, StopRequestEndsTheChild) {
  std::stop_source source;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string&) { source.request_stop(); };
  const ChildResult result = run_child(fixture({"sleep"}), callbacks, source.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_EQ(named(classify(result, {})), "INTERRUPTED stopped");
}

TEST(RunChild, StopRequestFromAnotherThread) {
  std::stop_source source;
  std::jthread later([&] {
    ::usleep(200000);
    source.request_stop();
  });
  EXPECT_TRUE(run(fixture({"sleep"}), source.get_token()).result.interrupted);
}

TEST(RunChild, SecondRequestKillsADeafChildAtOnce) {
  std::stop_source stop, kill;
  ChildSpec spec = fixture({"ignore_terminate"});
  spec.grace_seconds = 60;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string&) {
    stop.request_stop();
    kill.request_stop();
  };
  const ChildResult result = run_child(spec, callbacks, stop.get_token(), kill.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_LT(result.wall_seconds, 30);
}

TEST(RunChild, RequestBeforeTheStartStartsNothing) {
  std::stop_source source;
  source.request_stop();
  const ChildResult result = run(fixture({"flood"}), source.get_token()).result;
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.pid, 0);
}

TEST(RunChild, InputReachesTheChild) {
  ChildSpec spec = fixture({"echo"});
  spec.input = std::string(1 << 20, 'a') + "\nend\n";
  const Finished finished = run(spec);
  ASSERT_EQ(finished.lines.size(), 2U);
  EXPECT_EQ(finished.lines[0].size(), 1U << 20);
  spec.arguments = {"exit", "0"};
  EXPECT_EQ(run(spec).result.exit_code, 0) << "a child may ignore its input";
}

TEST(RunChild, EnvironmentIsTheList) {
  ::setenv("ASSAY_TEST_LEAK", "1", 1);
  ChildSpec spec = fixture({"environment"});
  spec.environment = {"A=1", "LANG=C.UTF-8"};
  EXPECT_THAT(run(spec).lines, UnorderedElementsAre("A=1", "LANG=C.UTF-8"));
}

TEST(RunChild, DescriptorsDoNotLeakEitherWay) {
  const auto open_here = [] {
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    return lowest;
  };
  const int kept = ::open("/dev/null", O_RDONLY);  // forgotten by somebody, inheritable
  const int before = open_here();
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(run(fixture({"descriptors"})).lines, UnorderedElementsAre("0", "1", "2"));
  }
  EXPECT_EQ(open_here(), before);
  ::close(kept);
}

TEST(RunChild, WorkingFolder) {
  ChildSpec spec = fixture({"folder"});
  spec.working_folder = "/proc";
  EXPECT_THAT(run(spec).lines, ElementsAre("/proc"));
}

TEST(RunChild, NoSignalIsBornIgnoredOrBlocked) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  for (const int number : {SIGCHLD, SIGUSR1, SIGXFSZ, SIGQUIT, SIGALRM})
    std::signal(number, SIG_IGN);
  const Finished finished = run(fixture({"dispositions"}));
  for (const int number : {SIGCHLD, SIGUSR1, SIGXFSZ, SIGQUIT, SIGALRM})
    std::signal(number, SIG_DFL);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_EQ(finished.lines.size(), 2U);
  for (const std::string& line : finished.lines) EXPECT_THAT(line, HasSubstr("0000000000000000"));
}

TEST(RunChild, WhatAChildUsedIsKnownWhoeverStartedUs) {
  // Of a program that is started with SIGCHLD ignored, the kernel forgets the children.
  EXPECT_THAT(run(fixture({"spin_unheard"})).lines, ElementsAre("accounted"));
}

TEST(RunChild, AccountsForMemoryAndTime) {
  const ChildResult small = run(fixture({"touch", "1"})).result;
  const ChildResult large = run(fixture({"touch", "200"})).result;
  EXPECT_GT(large.peak_rss_bytes, std::int64_t{200} << 20);
  EXPECT_GT(large.peak_rss_bytes - small.peak_rss_bytes, std::int64_t{150} << 20);
  const ChildResult busy = run(fixture({"spin", "0.3"})).result;
  EXPECT_GE(busy.cpu_seconds, 0.29);
  EXPECT_GE(busy.wall_seconds, busy.cpu_seconds * 0.9);
}

TEST(RunChild, ParentSleepsMeanwhile) {
  const auto cpu = [] {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  };
  ChildSpec spec = fixture({"sleep"});
  spec.timeout_seconds = 2.5;
  int ticks = 0;
  ChildCallbacks callbacks;
  callbacks.on_tick = [&](double silent) {
    ++ticks;
    EXPECT_GE(silent, 0);
  };
  const double before = cpu();
  run_child(spec, callbacks);
  EXPECT_LT(cpu() - before, 0.1) << "a polling or spinning parent";
  EXPECT_GE(ticks, 1);
}

TEST(RunChild, ManyAtOnceFromSeveralThreads) {
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 15; ++i)
          good += attempt(fixture({"reply", "0"})).outcome == Outcome::kOk;
      });
    }
  }
  EXPECT_EQ(good, 60);
}

}  // namespace
}  // namespace assay
