#pragma once
// Which outcomes are tried again at once, within the same run.

#include <map>
#include <string>
#include <vector>

#include "harness/base/outcome.h"

namespace assay {

/// What may come out otherwise a moment later. What a cell computes comes out the same again:
/// UNMET, INVALID and NAN, and a worker that says why it failed.
struct RetryPolicy {
  /// How many more times; not at all what is not there. Of CRASHED only deaths by signals, and not
  /// by SIGTERM, with which somebody wants the machine.
  std::map<Outcome, int> times = {{Outcome::kCrashed, 1}};
  /// Groups of timed cells too: as a whole, because a ratio is of cells that are timed together.
  bool timed_groups = false;

  /// Whether a cell that ended so is tried again, after so many tries that ended so too.
  [[nodiscard]] bool allows(const OutcomeReason& outcome, int tries_before) const;
};

/// Most times that can be asked for.
inline constexpr int kMostRetries = 10;

/// Of words such as "CRASHED=2", which replace what is the default; for timed groups as well.
/// Throws UserError for anything but CRASHED, OOM and TIMEOUT with a number up to kMostRetries.
RetryPolicy retry_policy_from(const std::vector<std::string>& words);

}  // namespace assay
