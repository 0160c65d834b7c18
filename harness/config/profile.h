#pragma once
// What a hardware profile means on this machine.

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/measure/machine_files.h"

namespace assay {

/// The pinned cores, else those that this process may use.
std::vector<int> used_cores(const ProfileEntry& profile);

/// Threads of a run: as the profile says, else one for each used core, but no more than the quota
/// of this process's control groups lets run at once.
int threads_on_this_machine(const ProfileEntry& profile, const MachineFiles& files = {});

/// The quota, in cores, when it is below the profile's threads: they wait for each other then.
std::optional<double> binding_quota(const ProfileEntry& profile, const MachineFiles& files = {});

/// Of a weight in the profile's dtype.
std::int64_t element_bytes(const ProfileEntry& profile);

/// Throws MachineError when the profile asks for cores or threads that are not there. Called for
/// the profiles that an experiment uses; reading a profile for another machine is no error.
void check_profile_fits(const ProfileEntry& profile);

}  // namespace assay
