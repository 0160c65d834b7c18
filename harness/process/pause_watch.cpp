#include "harness/process/pause_watch.h"

#include <sys/wait.h>

#include <algorithm>
#include <ctime>

#include "harness/base/clock.h"

namespace assay {
namespace {

/// A program that waits for a processor is late too, but not by so much.
constexpr double kLateSeconds = 1;
constexpr double kAsleepSeconds = 0.1;

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The monotonic clock stands while the machine sleeps, the other one does not.
double seconds_asleep() { return seconds_of(CLOCK_BOOTTIME) - seconds_of(CLOCK_MONOTONIC); }

}  // namespace

PauseWatch::PauseWatch(pid_t child)
    : child_(child), last_(monotonic_seconds()), asleep_before_(seconds_asleep()) {}

double PauseWatch::look() {
  const double now = monotonic_seconds();
  const double asleep = seconds_asleep();
  double ran = now - last_;
  if (ran > kLookSeconds + kLateSeconds) {
    own_ += ran - kLookSeconds;
    ran = kLookSeconds;
  }
  if (asleep - asleep_before_ > kAsleepSeconds) asleep_ += asleep - asleep_before_;
  look_at_child(now);
  last_ = now;
  asleep_before_ = asleep;
  return ran;
}

void PauseWatch::look_at_child(double now) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(child_), &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
         info.si_pid == child_) {
    if (info.si_code == CLD_CONTINUED) {
      // Since when it stood is known to a look at best.
      of_child_ += std::max(now - child_stopped_at_.value_or(last_), 1e-3);
      child_stopped_at_.reset();
    } else if (!child_stopped_at_) {
      child_stopped_at_ = last_;
    }
    info = {};
  }
}

double PauseWatch::paused_seconds() const {
  const double standing = child_stopped_at_ ? std::max(last_ - *child_stopped_at_, 1e-3) : 0;
  return std::max(own_, of_child_ + standing) + asleep_;
}

}  // namespace assay
