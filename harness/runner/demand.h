#pragma once
// What a plan asks of a machine, as far as that can be reckoned before anything runs.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/plan/plan.h"
#include "harness/runner/machine_check.h"

namespace assay {

/// What a process holds of a model at least.
struct ModelDemand {
  std::string model;
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;  ///< in the profile's dtype
};

/// Of the cells of one profile that are still to be run.
struct Demand {
  std::string profile, dtype;
  std::vector<ModelDemand> models;
  double score_flops = 0;  ///< of the passes over what suites score
  double fit_flops = 0;    ///< of one pass over each fit's calibration data, the least it takes
  // What takes time that nobody can tell from sizes.
  std::size_t fits = 0;     ///< beyond their pass
  std::size_t trained = 0;  ///< of the fits, those that train
  std::size_t timed = 0;    ///< cells
  [[nodiscard]] double flops() const { return score_flops + fit_flops; }
};

/// One for each profile of the experiment. `to_run` says which cells count; cells that are unmet
/// never do, and fits whose artefact is here do not.
std::vector<Demand> demands_of(const Plan& plan, const Catalogue& catalogue,
                               const std::function<bool(const Cell& cell)>& to_run);

/// For people: weights beside the machine's memory, and how long the passes take at the speed that
/// was measured: a bound from below, and what is not in it.
std::string demand_text(const Demand& demand, const MachineSpeed& speed);

/// The same with all digits: sizes in bytes, times in seconds.
Json demand_json(const Demand& demand, const MachineSpeed& speed);

}  // namespace assay
