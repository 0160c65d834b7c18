#pragma once
// What control groups allow this process of the processor's time, and how often they stopped it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "harness/measure/machine_files.h"

namespace assay {

/// Processor time that a control group gives, as a number of cores.
struct CpuQuota {
  double cores = 0;
  std::string group;  ///< its path below the place where control groups are mounted
};

/// The tightest quota of this process's control group and those above it (cpu.max of version 2,
/// cpu.cfs_quota_us of version 1); absent when there is none, or the kernel does not tell.
std::optional<CpuQuota> cpu_quota(const MachineFiles& files = {});

/// How many threads run at once without being stopped: the quota rounded down, at least 1.
int whole_cores(const CpuQuota& quota);

/// How long the threads of a control group were stopped since it was made.
struct Throttled {
  std::int64_t periods = 0;  ///< in which the quota was used up
  double seconds = 0;
};

/// By the path of each group that tells: this process's and those above it.
std::map<std::string, Throttled> throttled_by_quota(const MachineFiles& files = {});

}  // namespace assay
