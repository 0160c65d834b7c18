#pragma once
// Is this machine, now, one on which a time means anything?

#include <optional>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/runner/launcher.h"

namespace assay {

/// What one worker measured of the machine, and its environment document.
struct MachineSpeed {
  double gemm_flops = 0;     ///< FLOP/s of a 1024^3 product in the profile's dtype and threads
  double bandwidth = 0;      ///< B/s of reading memory once
  double timer_seconds = 0;  ///< smallest step of the clock
  Json environment = Json::object();
};

/// The request of operation "machine" for this profile; `work` as session.h lists it.
WorkerRequest machine_request(const ProfileEntry& profile, const std::string& work);

/// Throws MachineError with the worker's reason when it could not measure.
MachineSpeed measure_machine_speed(const ProfileEntry& profile, WorkerLauncher& launcher);

/// Why times taken here and now would mislead: below a floor, a feature missing, too much load, a
/// debug or sanitizer build. Each names what was found, what is asked, and what to do. Floors of 0
/// are not asked. `load`: of the last minute, where the system tells.
std::vector<std::string> unfit_reasons(const ProfileEntry& profile, const MachineSpeed& speed,
                                       std::optional<double> load);

/// Why times on the profile's GPU would mislead: other programs use it. `processes` that are on it
/// before a worker of this session was started; absent where the driver does not tell.
std::vector<std::string> foreign_gpu_reasons(
    const ProfileEntry& profile, const std::optional<std::vector<std::int64_t>>& processes);
/// The processes on the profile's GPU now; absent for a processor and without NVIDIA's driver.
std::optional<std::vector<std::int64_t>> gpu_processes(const ProfileEntry& profile);

/// Those of `before` that are on the profile's GPU now: another assay that was has ended its turn.
std::optional<std::vector<std::int64_t>> still_there(
    const std::optional<std::vector<std::int64_t>>& before, const ProfileEntry& profile);

/// Why this worker's times mean nothing ("... is a debug build ..."); "" when they do.
std::string unfit_build(const Json& environment);

/// Seconds of the pieces of one process of work "gemv" or "gemm": their median.
double one_process(const ProfileEntry& profile, const std::string& work, WorkerLauncher& launcher);

}  // namespace assay
