#include "harness/measure/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "harness/measure/control_groups.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// "150000 100000", or "max 100000" for no limit.
std::optional<double> quota_of_version_2(const fs::path& folder) {
  std::istringstream line(first_line(folder / "cpu.max"));
  double quota = 0, period = 0;
  if (!(line >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

/// Two files; -1 for no limit.
std::optional<double> quota_of_version_1(const fs::path& folder) {
  std::istringstream quota_line(first_line(folder / "cpu.cfs_quota_us"));
  std::istringstream period_line(first_line(folder / "cpu.cfs_period_us"));
  double quota = 0, period = 0;
  if (!(quota_line >> quota) || !(period_line >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return quota / period;
}

std::optional<Throttled> throttled_in(const fs::path& folder) {
  std::ifstream file(folder / "cpu.stat");
  Throttled found;
  bool told = false;
  std::string name;
  for (double value = 0; file >> name >> value;) {
    if (name == "nr_throttled") found.periods = static_cast<std::int64_t>(value);
    if (name == "throttled_usec") found.seconds = value / 1e6;  // version 2
    if (name == "throttled_time") found.seconds = value / 1e9;  // version 1
    told = told || name == "nr_throttled";
  }
  return told ? std::optional(found) : std::nullopt;
}

}  // namespace

std::optional<CpuQuota> cpu_quota(const MachineFiles& files) {
  std::optional<CpuQuota> tightest;
  for (const ControlGroup& group : own_control_groups(files, "cpu")) {
    auto cores = quota_of_version_2(group.folder);
    if (!cores) cores = quota_of_version_1(group.folder);
    if (cores && (!tightest || *cores < tightest->cores)) tightest = {*cores, group.path};
  }
  return tightest;
}

int whole_cores(const CpuQuota& quota) { return static_cast<int>(std::max(1.0, quota.cores)); }

std::map<std::string, Throttled> throttled_by_quota(const MachineFiles& files) {
  std::map<std::string, Throttled> counts;
  for (const ControlGroup& group : own_control_groups(files, "cpu")) {
    if (const auto count = throttled_in(group.folder)) counts[group.path] = *count;
  }
  return counts;
}

}  // namespace assay
