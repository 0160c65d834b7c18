// What a hardware profile means on this machine.

#include "harness/config/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "harness/base/errors.h"
#include "harness/measure/affinity.h"
#include "harness/measure/cpu_quota.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

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

std::vector<int> used_cores(const ProfileEntry& profile) {
  return profile.cores.empty() ? allowed_cores() : profile.cores;
}

int threads_on_this_machine(const ProfileEntry& profile, const MachineFiles& files) {
  if (profile.threads > 0) return profile.threads;
  const int cores = std::max(1, static_cast<int>(used_cores(profile).size()));
  const auto quota = cpu_quota(files);
  return quota ? std::min(cores, whole_cores(*quota)) : cores;
}

std::optional<double> binding_quota(const ProfileEntry& profile, const MachineFiles& files) {
  const auto quota = cpu_quota(files);
  if (!quota || threads_on_this_machine(profile, files) <= quota->cores) return std::nullopt;
  return quota->cores;
}

std::int64_t element_bytes(const ProfileEntry& profile) { return profile.dtype == "fp32" ? 4 : 2; }

void check_profile_fits(const ProfileEntry& profile) {
  const std::vector<int> allowed = allowed_cores();
  for (const int core : profile.cores) {
    if (std::find(allowed.begin(), allowed.end(), core) == allowed.end()) {
      throw MachineError(fmt::format(
          "profile '{}' pins to core {}, but this machine lets assay use only {} cores (highest: "
          "{}); choose another profile or change `cores`",
          profile.id, core, allowed.size(), allowed.empty() ? -1 : allowed.back()));
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
  // More threads than the quota lets run at once wait for each other: another measurement.
  if (const auto quota = binding_quota(*this)) document["cpu_quota"] = *quota;
  if (device != "cpu") document["graphics_cards"] = graphics_cards();
  return document;
}

}  // namespace assay
