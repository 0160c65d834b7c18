// A worker's way with SIGTERM, in a process of its own each time.

#include "harness/worker/stop_flag.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "harness/base/clock.h"

namespace assay {
namespace {

/// How a child ended that ran `work`.
template <typename Work>
int status_of(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

[[noreturn]] void never_look() {
  for (;;) ::pause();
}

TEST(StopFlag, IsSetByTheFirstSignalAndTheProcessGoesOn) {
  for (const int number : {SIGTERM, SIGINT}) {
    const int status = status_of([number] {
      const StopFlag& stop = stop_flag_of_process();
      ::raise(number);
      ::_exit(stop ? 7 : 8);
    });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }
}

TEST(StopFlag, WhoDoesNotLookDiesOfTheSecondSignal) {
  const int status = status_of([] {
    stop_flag_of_process();
    ::raise(SIGTERM);
    ::raise(SIGTERM);
    never_look();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(StopFlag, WhoDoesNotLookDiesWhenPatienceIsAtItsEnd) {
  const double start = monotonic_seconds();
  const int status = status_of([] {
    stop_flag_of_process(1);
    ::raise(SIGTERM);
    never_look();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  EXPECT_GE(monotonic_seconds() - start, 0.9);
}

}  // namespace
}  // namespace assay
