#pragma once
// Executes a plan: reuse what is stored, fit what is missing, score, time, store.

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>

#include "harness/base/errors.h"
#include "harness/plan/plan.h"
#include "harness/runner/launcher.h"
#include "harness/runner/progress.h"
#include "harness/store/store.h"

namespace assay {

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
};

struct RunSummary {
  std::int64_t ok = 0, unmet = 0, failed = 0;  ///< cells, cached ones included
  std::int64_t lacking = 0;  ///< of `unmet`: the machine lacks device or cores, or the data are bad
  std::int64_t cached = 0;   ///< cells whose stored outcome was reused
  std::int64_t not_run = 0;  ///< left over by an interrupt or --fail-fast
  std::int64_t fitted = 0;   ///< artefacts made
  bool interrupted = false;
  /// 0: every cell is OK, or UNMET for what the method or model is or for data that are not here;
  /// 3: some cell failed, was not run, needs a machine that this one is not or has bad data, or
  /// none is OK; 130: interrupted.
  [[nodiscard]] ExitCode exit_code() const;
};

/// True for outcomes that stand until `--retry`: everything but queued, running, interrupted, and
/// what was the machine's fault at that hour (a full disk, a file that was gone, no such device,
/// load, a debug build).
bool stands(const OutcomeReason& outcome);

/// The plan's cells as the store keeps them, in the same order.
std::vector<PlannedCell> planned_cells(const Plan& plan);

/// Runs what is not stored yet. Several runs may work on one database at the same time: each takes
/// cells that no other is at, and waits for the rest at the end. Cells that fail never stop the
/// others unless asked. Throws
/// MachineError when the database cannot be written or no worker can be started.
RunSummary run_plan(const Plan& plan, const Catalogue& catalogue, Store& store,
                    WorkerLauncher& launcher, Progress& progress, const RunOptions& options);

}  // namespace assay
