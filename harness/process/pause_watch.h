#pragma once
// Did this program, its child or the whole machine stand still while the child ran?

#include <sys/types.h>

#include <optional>

namespace assay {

/// Looks at a child a few times a second. What it notices: that this program itself did not run for
/// more than a second (stopped with Ctrl-Z or SIGSTOP, frozen with its container), that the child
/// was stopped and continued, and that the machine slept.
class PauseWatch {
 public:
  /// Most seconds between two looks of a program that runs.
  static constexpr double kLookSeconds = 0.25;

  explicit PauseWatch(pid_t child);
  /// Returns how many seconds this program ran since the look before.
  double look();
  /// That something stood still so far; 0: nothing did, and times taken meanwhile mean something.
  [[nodiscard]] double paused_seconds() const;

 private:
  void look_at_child(double now);

  pid_t child_;
  double last_, asleep_before_;
  double own_ = 0, of_child_ = 0, asleep_ = 0;
  std::optional<double> child_stopped_at_;
};

}  // namespace assay
