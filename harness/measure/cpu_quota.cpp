#include "harness/measure/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "harness/measure/proc_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A control group of ours in one hierarchy.
struct Group {
  fs::path folder;
  std::string path;
};

bool names(const std::string& controllers, const std::string& wanted) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

/// The folder of `path` under `mount` and all above it, as far as they are there: a container sees
/// its own group as the root of the mount, whatever the path says.
void add_groups(const fs::path& mount, const std::string& path, std::vector<Group>& groups) {
  fs::path inside = fs::path(path).relative_path().lexically_normal();
  if (inside.string().starts_with("..") || inside == ".") inside.clear();
  std::error_code missing;
  for (;; inside = inside.parent_path()) {
    const fs::path folder = inside.empty() ? mount : mount / inside;
    if (fs::is_directory(folder, missing)) groups.push_back({folder, folder.string()});
    if (inside.empty()) return;
  }
}

/// From the lines "hierarchy:controllers:path" of /proc/self/cgroup.
std::vector<Group> own_groups(const MachineFiles& files) {
  std::vector<Group> groups;
  std::ifstream lines(files.proc / "self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      add_groups(files.cgroup, path, groups);
      add_groups(files.cgroup / "unified", path, groups);
    } else if (names(controllers, "cpu")) {
      for (const std::string& mount : std::set<std::string>{"cpu", controllers}) {
        add_groups(files.cgroup / mount, path, groups);
      }
    }
  }
  for (Group& group : groups) {
    group.path = "/" + group.folder.lexically_relative(files.cgroup).string();
  }
  return groups;
}

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
  for (const Group& group : own_groups(files)) {
    auto cores = quota_of_version_2(group.folder);
    if (!cores) cores = quota_of_version_1(group.folder);
    if (cores && (!tightest || *cores < tightest->cores)) tightest = {*cores, group.path};
  }
  return tightest;
}

int whole_cores(const CpuQuota& quota) { return static_cast<int>(std::max(1.0, quota.cores)); }

std::map<std::string, Throttled> throttled_by_quota(const MachineFiles& files) {
  std::map<std::string, Throttled> counts;
  for (const Group& group : own_groups(files)) {
    if (const auto count = throttled_in(group.folder)) counts[group.path] = *count;
  }
  return counts;
}

}  // namespace assay
