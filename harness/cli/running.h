#pragma once
// Running an experiment file, for the commands that do.

#include <string>

#include "harness/base/errors.h"
#include "harness/runner/runner.h"

namespace assay {

struct RanExperiment {
  std::string name;
  ExitCode code = ExitCode::kOk;
};

/// Plans the file, runs what the database does not hold yet, and says on standard error what it
/// does. Throws as reading and planning do, and Interrupted.
RanExperiment run_experiment_file(const std::string& file, const std::string& database,
                                  const RunOptions& options);

}  // namespace assay
