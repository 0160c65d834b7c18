#include "harness/process/oom_counter.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace assay {
namespace {

/// Value behind "oom_kill" in a file of "name value" lines; -1 when it has none.
std::int64_t read_counter(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return -1;
}

/// Files that may hold the counter, from "hierarchy:controllers:path" lines.
std::vector<std::filesystem::path> candidates() {
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::vector<std::filesystem::path> paths;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(std::min(second + 2, line.size()));
    if (controllers.empty()) {
      paths.push_back(root / path / "memory.events");
    } else if (controllers == "memory") {
      paths.push_back(root / "memory" / path / "memory.oom_control");
      paths.push_back(root / "memory" / "memory.oom_control");
    }
  }
  paths.push_back(root / "memory.events");
  return paths;
}

}  // namespace

std::int64_t oom_kill_count() {
  for (const auto& path : candidates()) {
    const std::int64_t count = read_counter(path);
    if (count >= 0) return count;
  }
  return 0;
}

}  // namespace assay
