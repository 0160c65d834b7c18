#pragma once
// One fitted result of one method, or chain of methods, and one model, outside of any experiment
// and database.

#include <stop_token>
#include <string>
#include <vector>

#include "harness/plan/plan.h"
#include "harness/runner/launcher.h"
#include "harness/runner/progress.h"

namespace assay {

/// A plan of one cell, whose suite asks for no data and is not run.
Plan single_plan(const ModelChoice& model, const MethodChoice& method, const std::string& profile,
                 std::uint64_t seed, const Catalogue& catalogue, Resolver& resolver);

/// The artefacts of the plan's cell, one a link in their order, out of the cache or fitted now;
/// none for a method that makes none. Throws as require_ok().
std::vector<AppliedArtefact> fitted_artefacts(const Plan& plan, const Catalogue& catalogue,
                                              WorkerLauncher& launcher, Progress& progress,
                                              std::stop_token stop);

/// Turns an outcome other than OK into an error: DoesNotApply for UNMET, UserError for bad input,
/// Interrupted, MachineError for all others. `what` was being done.
void require_ok(const OutcomeReason& outcome, const std::string& what);

}  // namespace assay
