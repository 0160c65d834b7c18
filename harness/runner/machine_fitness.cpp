#include "harness/runner/machine_fitness.h"

#include <utility>

#include "harness/measure/machine.h"
#include "harness/runner/machine_check.h"

namespace assay {

MachineFitness::MachineFitness(const Plan& plan, const Catalogue& catalogue,
                               WorkerLauncher& launcher, CellLauncher& workers)
    : catalogue_(catalogue), launcher_(launcher), workers_(workers) {
  for (const std::string& id : plan.experiment.profiles) {
    foreign_[id] = gpu_processes(catalogue.profile(id));
  }
}

const std::vector<std::string>& MachineFitness::reasons_against(const std::string& id) {
  const auto known = reasons_.find(id);
  if (known != reasons_.end()) return known->second;
  const ProfileEntry& profile = catalogue_.profile(id);
  std::vector<std::string>& reasons = reasons_[id];
  const auto& foreign = foreign_.at(id);
  if (!profile.asks_something() && (!foreign || foreign->empty())) return reasons;
  const auto hold = workers_.hold_machine(id, true);
  if (profile.asks_something()) {
    const std::optional<double> load = load_average();
    reasons = unfit_reasons(profile, measure_machine_speed(profile, launcher_), load);
  }
  for (std::string& reason : foreign_gpu_reasons(profile, still_there(foreign, profile))) {
    reasons.push_back(std::move(reason));
  }
  return reasons;
}

}  // namespace assay
