#pragma once
// Where the jobs of a run are done.

#include <vector>

#include "harness/runner/job.h"

namespace assay {

/// Does jobs, several at a time where it can. Used by the thread that made it.
class Executor {
 public:
  /// Nothing is at work any more when this returns.
  virtual ~Executor() = default;
  [[nodiscard]] virtual bool has_room() const = 0;
  /// Begins a job; only where there is room.
  virtual void submit(Job job) = 0;
  /// What was begun and is not yet given back by poll().
  [[nodiscard]] virtual std::vector<const Job*> at_work() const = 0;
  /// Waits until a job has ended; one must be at work. Returns what of it was not done, because
  /// other runs are at it, and throws what ended it otherwise.
  virtual Job poll() = 0;
  /// Asks what is at work to end soon. poll() gives it back all the same.
  virtual void cancel() = 0;
};

}  // namespace assay
