#include "harness/runner/side_by_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "harness/config/profile.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/core_shares.h"

namespace assay {
namespace {

/// All cells of a job of scores have the same artefact, and the same profile.
const Cell& cell_of(const Job& job) { return *job.cells.front(); }

bool is_made(const FitJob& fit) {
  std::error_code unknown;
  return std::filesystem::exists(artefact_path(fit.key), unknown);
}

bool share_a_fit(const Plan& plan, const Cell& one, const Cell& other) {
  if (one.artefact_key.empty() || other.artefact_key.empty()) return false;
  const std::vector<const FitJob*> fits = plan.jobs_for(one.artefact_key);
  const std::vector<const FitJob*> others = plan.jobs_for(other.artefact_key);
  return std::any_of(fits.begin(), fits.end(), [&](const FitJob* fit) {
    return std::find(others.begin(), others.end(), fit) != others.end() && !is_made(*fit);
  });
}

/// "cuda" is the first of them.
std::string gpu_of(const Catalogue& catalogue, const Cell& cell) {
  const std::string& device = catalogue.profile(cell.profile).device;
  return device == "cuda" ? "cuda:0" : device;
}

bool share_a_gpu(const Catalogue& catalogue, const Cell& one, const Cell& other) {
  const std::string gpu = gpu_of(catalogue, one);
  return gpu != "cpu" && gpu == gpu_of(catalogue, other);
}

}  // namespace

bool in_each_others_way(const Plan& plan, const Catalogue& catalogue, const Job& one,
                        const Job& other) {
  const bool both_run = one.kind == Job::Kind::kScores && other.kind == Job::Kind::kScores;
  return both_run && (share_a_fit(plan, cell_of(one), cell_of(other)) ||
                      share_a_gpu(catalogue, cell_of(one), cell_of(other)));
}

std::vector<std::string> notes_on_places(const Plan& plan, const Catalogue& catalogue,
                                         std::size_t places) {
  std::vector<std::string> notes;
  for (const std::string& id : plan.experiment.profiles) {
    const ProfileEntry& profile = catalogue.profile(id);
    const int threads = threads_on_this_machine(profile);
    const std::size_t cores = used_cores(profile).size();
    if (places < 2 || profile.device != "cpu" || has_cores_for(cores, threads, places)) continue;
    notes.push_back(fmt::format(
        "note: {} workers with {} thread{} each share {} core{} under profile '{}': what they "
        "compute stays the same, but each takes longer than alone",
        places, threads, threads == 1 ? "" : "s", cores, cores == 1 ? "" : "s", id));
  }
  return notes;
}

}  // namespace assay
