#pragma once
// Running an experiment, for the commands that do.

#include <functional>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/runner/runner.h"

namespace assay {

struct RanExperiment {
  std::string name;
  ExitCode code = ExitCode::kOk;
};

struct ToRun {
  Experiment experiment;
  std::string shown;  ///< names it in messages: its file, or "the command line"
  /// Called when the plan is accepted, before anything runs or is written.
  std::function<void()> accepted = [] {};
  bool say_demand = false;  ///< first how much memory and time it takes at least
  /// Beginnings of the keys of the only cells to run; empty: all.
  std::vector<std::string> only = {};
  /// The worker of the only cell runs in the foreground, and nothing is stored.
  bool debug = false;
  bool under_gdb = false;
};

/// Plans the experiment, runs what the database does not hold yet, and says on standard error what
/// it does. Throws as planning does, and Interrupted.
RanExperiment run_experiment(const ToRun& asked, const Catalogue& catalogue,
                             const std::string& database, const RunOptions& options);

}  // namespace assay
