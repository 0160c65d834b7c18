#pragma once
// A planned cell as the request that a worker reads.

#include <filesystem>
#include <string>

#include "harness/plan/plan.h"
#include "harness/protocol/protocol.h"
#include "harness/runner/launcher.h"

namespace assay {

/// "fit": one of the jobs for the cell's artefact. The arithmetic is fp32 whatever the profile
/// says, because one artefact serves cells of every dtype.
WorkerRequest fit_request(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                          const FitJob& job, const std::filesystem::path& scratch);

/// The artefacts up to this one, in the order in which they change the model; none for "".
std::vector<AppliedArtefact> applied_until(const Plan& plan, const std::string& key);

/// "score" or "time", by the stage of the suite's kind.
WorkerRequest cell_request(const Plan& plan, const Catalogue& catalogue, const Cell& cell,
                           const std::filesystem::path& scratch);

WorkerLimits cell_limits(const Plan& plan, const Catalogue& catalogue, const Cell& cell);

/// The cores and the GPU that workers under a profile use.
MachineUse machine_use(const ProfileEntry& profile, bool alone);

/// What a fingerprint belongs to: the artefact (or the bare model; random weights with their seed),
/// its dtype and its device.
std::string fingerprint_subject(const Plan& plan, const Catalogue& catalogue, const Cell& cell);

/// "wanda", "dejavu/traces": a job among those of one cell.
std::string job_name(const Plan& plan, const FitJob& job);

/// "wanda sparsity=0.5 then quantize": the method of a cell, without parameters at their defaults.
std::string chain_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell);
/// "decode batch=8", likewise.
std::string suite_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell);
/// The beginning of a cell's key: what commands show, and --only takes.
std::string short_key(const Cell& cell);
/// "wanda sparsity=0.5 / wikitext2-ppl / smollm2-135m / cpu", likewise.
std::string cell_label(const Plan& plan, const Catalogue& catalogue, const Cell& cell);

}  // namespace assay
