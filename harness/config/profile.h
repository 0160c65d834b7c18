#pragma once
// What a hardware profile means on this machine.

#include "harness/config/catalogue.h"

namespace assay {

/// Threads of a run: as the profile says, else one for each pinned core, else one for each core
/// that this process may use.
int threads_on_this_machine(const ProfileEntry& profile);

/// Throws MachineError when the profile asks for cores or threads that are not there. Called for
/// the profiles that an experiment uses; reading a profile for another machine is no error.
void check_profile_fits(const ProfileEntry& profile);

}  // namespace assay
