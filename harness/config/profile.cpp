// What a hardware profile means on this machine.

#include "harness/config/profile.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "harness/base/errors.h"

namespace assay {
namespace {

std::set<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::set<int> cores;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.insert(core);
  }
  return cores;
}

// Value of the first line "KEY : VALUE" of a file of /proc; "" when there is none.
std::string proc_value(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

Json graphics_cards() {
  Json names = Json::array();
  std::error_code error;
  for (const auto& card : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    names.push_back(proc_value(card.path() / "information", "Model"));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

int threads_on_this_machine(const ProfileEntry& profile) {
  if (profile.threads > 0) return profile.threads;
  if (!profile.cores.empty()) return static_cast<int>(profile.cores.size());
  return std::max(1, static_cast<int>(allowed_cores().size()));
}

void check_profile_fits(const ProfileEntry& profile) {
  const std::set<int> allowed = allowed_cores();
  for (const int core : profile.cores) {
    if (!allowed.contains(core)) {
      throw MachineError(fmt::format(
          "profile '{}' pins to core {}, but this machine lets assay use only {} cores (highest: "
          "{}); choose another profile or change `cores`",
          profile.id, core, allowed.size(), allowed.empty() ? -1 : *allowed.rbegin()));
    }
  }
  const auto cores = static_cast<int>(allowed.size());
  if (profile.threads > cores && cores > 0) {
    throw MachineError(
        fmt::format("profile '{}' asks for {} threads, but this machine has {} usable cores; "
                    "choose another profile or write threads = 0 for all cores",
                    profile.id, profile.threads, cores));
  }
}

Json ProfileEntry::fingerprint() const {
  Json document = {{"device", device},
                   {"dtype", dtype},
                   {"threads", threads_on_this_machine(*this)},
                   {"cores", cores},
                   {"memory_limit_bytes", memory_limit_bytes},
                   {"cpu", proc_value("/proc/cpuinfo", "model name")}};
  if (device != "cpu") document["graphics_cards"] = graphics_cards();
  return document;
}

}  // namespace assay
