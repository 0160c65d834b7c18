#pragma once
// Timed processes during which something stood still are run again.

#include "harness/runner/launcher.h"

namespace assay {

/// launcher.run. A worker that ended OK although the run, the worker or the machine stood still
/// meanwhile is run again, and its reply says so (event "info"/"timed_again"); after three tries
/// the outcome is INVALID(paused), which the next run tries again.
WorkerRun run_unpaused(WorkerLauncher& launcher, const WorkerRequest& request,
                       const WorkerLimits& limits, const WorkerProgress& progress);

}  // namespace assay
