#include "harness/measure/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include "harness/measure/affinity.h"
#include "harness/measure/code_version.h"
#include "harness/measure/cpu_quota.h"
#include "harness/measure/proc_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Instruction sets that kernels choose by.
constexpr std::array kIsaFlags = {
    "sse4_2",   "avx",         "avx2",        "fma",         "f16c",     "avx512f",  "avx512bw",
    "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni", "amx_tile", "amx_int8",
    "amx_bf16", "asimd",       "asimdhp",     "asimddp",     "sve",      "bf16"};

void put(Json& document, const char* key, const std::string& value) {
  if (!value.empty()) document[key] = value;
}

Json isa_flags() {
  std::string flags = proc_value("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = proc_value("/proc/cpuinfo", "Features");
  flags = " " + flags + " ";
  Json known = Json::array();
  for (const char* flag : kIsaFlags) {
    if (flags.find(std::string(" ") + flag + " ") != std::string::npos) known.push_back(flag);
  }
  return known;
}

/// {"L1d": "48K", "L2": "2048K", ...} of core 0.
Json caches() {
  Json sizes = Json::object();
  const fs::path folder = "/sys/devices/system/cpu/cpu0/cache";
  for (int index = 0; index < 8; ++index) {
    const fs::path cache = folder / ("index" + std::to_string(index));
    const std::string level = first_line(cache / "level"), type = first_line(cache / "type");
    if (level.empty()) break;
    const std::string suffix = type == "Data" ? "d" : type == "Instruction" ? "i" : "";
    put(sizes, ("L" + level + suffix).c_str(), first_line(cache / "size"));
  }
  return sizes;
}

Json cpu() {
  Json document = {{"logical_cores", ::sysconf(_SC_NPROCESSORS_CONF)},
                   {"allowed_cores", allowed_cores()},
                   {"isa", isa_flags()},
                   {"caches", caches()}};
  put(document, "model", proc_value("/proc/cpuinfo", "model name"));
  put(document, "microcode", proc_value("/proc/cpuinfo", "microcode"));
  put(document, "governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
  return document;
}

/// "" on bare metal, as far as one can see from inside.
std::string hypervisor() {
  const std::string vendor = first_line("/sys/class/dmi/id/sys_vendor");
  const std::string flags = " " + proc_value("/proc/cpuinfo", "flags") + " ";
  if (flags.find(" hypervisor ") == std::string::npos) return "";
  return vendor.empty() ? "yes" : vendor;
}

/// Limits of the control group, whichever version is mounted.
Json container() {
  Json limits = Json::object();
  const fs::path root = "/sys/fs/cgroup";
  put(limits, "memory_max", first_line(root / "memory.max"));
  put(limits, "memory_limit", first_line(root / "memory/memory.limit_in_bytes"));
  if (const auto quota = cpu_quota()) {
    limits["cpu_quota_cores"] = quota->cores;
    limits["cpu_quota_of"] = quota->group;
  }
  return limits;
}

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

}  // namespace

std::optional<double> load_average() {
  double load = 0;
  if (::getloadavg(&load, 1) != 1) return std::nullopt;
  return load;
}

Json build_environment() {
  Json document = {
      {"compiler", ASSAY_COMPILER}, {"build_type", ASSAY_BUILD_TYPE}, {"version", ASSAY_VERSION}};
  put(document, "sanitize", ASSAY_SANITIZERS);
  put(document, "commit", code_commit());
  if (code_dirty()) document["dirty"] = true;
#ifndef NDEBUG
  document["assertions"] = true;
#endif
  return document;
}

Json machine_environment() {
  Json document = {{"cpu", cpu()}, {"container", container()}, {"build", build_environment()}};
  const std::string memory = proc_value("/proc/meminfo", "MemTotal");
  if (!memory.empty()) document["memory_bytes"] = std::stoll(memory) * 1024;
  put(document, "kernel", kernel());
  put(document, "hypervisor", hypervisor());
  return document;
}

}  // namespace assay
