#pragma once
// How a plan is run.

#include <cstddef>
#include <set>
#include <stop_token>
#include <string>

#include "harness/base/outcome.h"
#include "harness/runner/retry_policy.h"

namespace assay {

/// Each is a worker with a model in memory.
inline constexpr std::size_t kMostJobs = 64;

struct RunOptions {
  bool retry = false;      ///< run cells again that ended in anything but OK
  bool fail_fast = false;  ///< stop at the first cell that ends in neither OK nor UNMET
  std::set<std::string> again =
      {};  ///< keys of timed cells that are run again although they are stored
  /// What the orders of timed processes are drawn from; empty: another one in each session.
  std::string schedule_name = {};
  /// Count the instructions of kernels too; cells that were timed without are timed again.
  bool count_instructions = false;
  /// A worker of its own for every score, where one would do for all scores of an artefact.
  bool isolated = false;
  /// Keys of the only cells to run; of timed ones with their twins. Those that failed are run
  /// again. Empty: all.
  std::set<std::string> only = {};
  /// The command that ran this, to which a failed cell's key is added; empty: none is told.
  std::string command = {};
  /// Ends waiting for other programs; workers hear of a stop through their launcher.
  std::stop_token stop = {};
  /// How many jobs of fits and scores are done at the same time, 1 to kMostJobs. Times are never
  /// taken beside anything.
  std::size_t jobs = 1;
  /// Stored outcomes that are run again; `retry` is all of them.
  std::set<Outcome> retry_outcomes = {};
  RetryPolicy retry_now = {};
};

}  // namespace assay
