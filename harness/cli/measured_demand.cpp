#include "harness/cli/measured_demand.h"

#include <optional>
#include <utility>

#include "harness/runner/runner.h"

namespace assay {

std::vector<MeasuredDemand> measure_demands(const Plan& plan, const Catalogue& catalogue,
                                            const Store* stored, WorkerLauncher& launcher) {
  const auto to_run = [&](const Cell& cell) {
    const auto outcome = stored == nullptr ? std::nullopt : stored->final_outcome(cell.key);
    return !outcome || !stands(*outcome);
  };
  std::vector<MeasuredDemand> measured;
  for (Demand& demand : demands_of(plan, catalogue, to_run)) {
    MachineSpeed speed;
    if (!demand.models.empty()) {
      speed = measure_machine_speed(catalogue.profile(demand.profile), launcher);
    }
    measured.push_back({std::move(demand), std::move(speed)});
  }
  return measured;
}

}  // namespace assay
