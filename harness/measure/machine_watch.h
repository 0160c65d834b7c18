#pragma once
// What else the machine did while a process was timed. Nothing here makes a time invalid: it is
// said beside it.

#include <map>
#include <string>
#include <vector>

#include "harness/measure/cpu_quota.h"
#include "harness/measure/machine_files.h"

namespace assay {

struct MachineRemark {
  std::string code, text;
};

/// Above these shares of the used cores' time a process is remarked on.
inline constexpr double kMostStolen = 0.02;     ///< taken by the hypervisor
inline constexpr double kMostOfOthers = 0.10;   ///< used by other programs ...
inline constexpr double kOtherCores = 0.25;     ///< ... but never more than so many cores' time
inline constexpr double kMostThrottled = 0.01;  ///< of the wall time, in a control group

/// The kernel counts hundredths of a second: a shorter process is not judged.
inline constexpr double kShortestSeconds = 0.5;

/// Seconds since the machine was started, of one core.
struct CoreTimes {
  double programs = 0;  ///< in programs and in the kernel on their behalf
  double stolen = 0;
};
/// By core, from /proc/stat; empty where the kernel does not tell.
std::map<int, CoreTimes> core_times(const MachineFiles& files = {});

/// "machine_quota" when so many threads cannot run all the time; nothing otherwise.
std::vector<MachineRemark> quota_remarks(int threads, const MachineFiles& files = {});

/// Looks at construction and when asked.
class MachineWatch {
 public:
  /// `cores`: those that the watched process may use.
  explicit MachineWatch(std::vector<int> cores, MachineFiles files = {});
  /// "machine_steal", "machine_busy" and "machine_throttled_quota", where they apply since then.
  /// `own_cpu_seconds` of what ran on our own account, over `wall_seconds`.
  [[nodiscard]] std::vector<MachineRemark> remarks(double wall_seconds,
                                                   double own_cpu_seconds) const;

 private:
  [[nodiscard]] CoreTimes since_then() const;

  std::vector<int> cores_;
  MachineFiles files_;
  std::map<int, CoreTimes> times_;
  std::map<std::string, Throttled> throttled_;
};

}  // namespace assay
