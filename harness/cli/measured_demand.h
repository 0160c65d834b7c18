#pragma once
// What a plan asks of this machine, with how fast it is now.

#include <vector>

#include "harness/runner/demand.h"
#include "harness/store/store.h"

namespace assay {

struct MeasuredDemand {
  Demand demand;
  MachineSpeed speed;  ///< zeros where nothing is to be run
};

/// One for each profile of the experiment, of the cells that `stored` (may be null) does not hold.
/// Throws MachineError where a worker cannot measure.
std::vector<MeasuredDemand> measure_demands(const Plan& plan, const Catalogue& catalogue,
                                            const Store* stored, WorkerLauncher& launcher);

}  // namespace assay
