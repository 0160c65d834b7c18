#include "harness/cli/measured_demand.h"

#include <utility>

#include "harness/runner/explain.h"

namespace assay {

std::vector<MeasuredDemand> measure_demands(const Plan& plan, const Catalogue& catalogue,
                                            const Store* stored, WorkerLauncher& launcher) {
  const auto to_run = [&](const Cell& cell) {
    return explain_cell(plan, stored, cell).action == "run";
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
