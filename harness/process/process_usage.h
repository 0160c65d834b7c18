#pragma once
// What a process of this machine has used so far, while it runs.

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace assay {

struct ProcessUsage {
  double cpu_seconds = 0;  ///< user + system, with descendants that were waited for
  std::int64_t peak_rss_bytes = 0;
};

/// A line of /proc/PID/status that counts memory, "VmHWM" or "VmPeak"; 0 where it does not tell.
std::int64_t status_bytes(pid_t pid, const std::string& name);

/// From /proc; zeros where it does not tell.
ProcessUsage process_usage(pid_t pid);

}  // namespace assay
