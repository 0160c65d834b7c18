#include "harness/measure/control_groups.h"

#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

namespace assay {

namespace fs = std::filesystem;
namespace {

bool names(const std::string& controllers, const std::string& wanted) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

/// The folder of `path` under `mount` and all above it, as far as they are there: a container sees
/// its own group as the root of the mount, whatever the path says.
void add_groups(const fs::path& mount, const std::string& path, std::vector<ControlGroup>& groups) {
  fs::path inside = fs::path(path).relative_path().lexically_normal();
  if (inside.string().starts_with("..") || inside == ".") inside.clear();
  std::error_code missing;
  for (;; inside = inside.parent_path()) {
    const fs::path folder = inside.empty() ? mount : mount / inside;
    if (fs::is_directory(folder, missing)) groups.push_back({folder, folder.string()});
    if (inside.empty()) return;
  }
}

}  // namespace

std::vector<ControlGroup> own_control_groups(const MachineFiles& files,
                                             const std::string& controller) {
  std::vector<ControlGroup> groups;
  // Lines "hierarchy:controllers:path".
  std::ifstream lines(files.proc / "self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      add_groups(files.cgroup, path, groups);
      add_groups(files.cgroup / "unified", path, groups);
    } else if (names(controllers, controller)) {
      for (const std::string& mount : std::set<std::string>{controller, controllers}) {
        add_groups(files.cgroup / mount, path, groups);
      }
    }
  }
  for (ControlGroup& group : groups) {
    group.path = "/" + group.folder.lexically_relative(files.cgroup).string();
  }
  return groups;
}

}  // namespace assay
