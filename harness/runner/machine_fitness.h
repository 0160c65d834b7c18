#pragma once
// Why times of a run would mislead, asked once a profile.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/plan/plan.h"
#include "harness/runner/cell_launcher.h"
#include "harness/runner/launcher.h"

namespace assay {

/// Everything that it is given must outlive it.
class MachineFitness {
 public:
  /// Before the first worker: whoever is on a GPU now is none of ours.
  MachineFitness(const Plan& plan, const Catalogue& catalogue, WorkerLauncher& launcher,
                 CellLauncher& workers);
  /// Empty for a machine that is fit. Measured before the first time of a session is taken.
  const std::vector<std::string>& reasons_against(const std::string& profile);

 private:
  const Catalogue& catalogue_;
  WorkerLauncher& launcher_;
  CellLauncher& workers_;
  std::map<std::string, std::vector<std::string>> reasons_;  ///< by profile, once asked
  std::map<std::string, std::optional<std::vector<std::int64_t>>> foreign_;  ///< likewise
};

}  // namespace assay
