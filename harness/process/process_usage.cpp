#include "harness/process/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace assay {
namespace {

/// Clock ticks: fields 14 to 17 of /proc/PID/stat, counted behind the name in parentheses.
double cpu_seconds(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kBetween = 11;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  double ticks = 0, value = 0;
  for (int i = 0; i < 4 && fields >> value; ++i) ticks += value;
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::int64_t peak_rss_bytes(const std::string& folder) {
  std::ifstream file(folder + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace

ProcessUsage process_usage(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  return {.cpu_seconds = cpu_seconds(folder), .peak_rss_bytes = peak_rss_bytes(folder)};
}

}  // namespace assay
