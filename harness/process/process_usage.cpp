#include "harness/process/process_usage.h"

#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace assay {
namespace {

/// Of its descendants that were waited for: fields 16 and 17 of /proc/PID/stat, in clock ticks,
/// counted behind the name in parentheses.
double seconds_of_descendants(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kBetween = 13;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  double ticks = 0, value = 0;
  for (int i = 0; i < 2 && fields >> value; ++i) ticks += value;
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Of all its threads, by a clock that is finer than ticks.
double own_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

std::int64_t status_bytes(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

ProcessUsage process_usage(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  return {.cpu_seconds = own_seconds(pid) + seconds_of_descendants(folder),
          .peak_rss_bytes = status_bytes(pid, "VmHWM")};
}

}  // namespace assay
