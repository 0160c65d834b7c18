#pragma once
// Executes a plan: reuse what is stored, fit what is missing, score, time, store.

#include "harness/plan/plan.h"
#include "harness/runner/launcher.h"
#include "harness/runner/progress.h"
#include "harness/runner/run_options.h"
#include "harness/runner/run_summary.h"
#include "harness/runner/stored_outcomes.h"
#include "harness/store/store.h"

namespace assay {

/// Runs what is not stored yet. Several runs may work on one database at the same time: each takes
/// cells that no other is at, and waits for the rest at the end. Cells that fail never stop the
/// others unless asked. What is measured does not depend on `options.jobs`. With several, the
/// launcher is used by several threads at a time; `store` and `progress` never are. Throws
/// MachineError when the database cannot be written or no worker can be started.
RunSummary run_plan(const Plan& plan, const Catalogue& catalogue, Store& store,
                    WorkerLauncher& launcher, Progress& progress, const RunOptions& options);

}  // namespace assay
