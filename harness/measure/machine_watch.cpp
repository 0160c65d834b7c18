#include "harness/measure/machine_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

namespace assay {
namespace {

/// "cpu3 user nice system idle iowait irq softirq steal ...", in ticks. Guests are part of user.
std::optional<std::pair<int, CoreTimes>> core_of(const std::string& line) {
  std::istringstream fields(line);
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0;
  fields >> name;
  if (!name.starts_with("cpu") || name.size() < 4) return std::nullopt;
  if (!(fields >> user >> nice >> system >> idle >> wait >> irq >> softirq >> stolen)) {
    return std::nullopt;
  }
  const auto second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::pair(std::stoi(name.substr(3)),
                   CoreTimes{(user + nice + system) / second, stolen / second});
}

void add_steal(double stolen, double available, std::vector<MachineRemark>& remarks) {
  if (stolen <= kMostStolen * available) return;
  remarks.push_back(
      {"machine_steal",
       fmt::format("the hypervisor gave {:.1f} % of the used cores' time to other machines (said "
                   "above {:.0f} %): time on a machine of its own, or take more processes",
                   100 * stolen / available, 100 * kMostStolen)});
}

void add_busy(double others, double wall, std::size_t cores, std::vector<MachineRemark>& remarks) {
  const double most = std::min(kOtherCores, kMostOfOthers * static_cast<double>(cores));
  if (others <= most * wall) return;
  remarks.push_back(
      {"machine_busy",
       fmt::format("other programs used {:.2f} of the {} cores meanwhile (said above {:.2f}): stop "
                   "them, or pin the profile to cores of its own",
                   others / wall, cores, most)});
}

void add_throttled(const std::map<std::string, Throttled>& before,
                   const std::map<std::string, Throttled>& now, double wall,
                   std::vector<MachineRemark>& remarks) {
  // Groups lie within each other: what stops one stops those below it, so that sums count twice.
  std::pair<std::string, Throttled> worst;
  for (const auto& [group, count] : now) {
    const auto known = before.find(group);
    if (known == before.end()) continue;
    const double seconds = count.seconds - known->second.seconds;
    if (seconds <= worst.second.seconds) continue;
    worst = {group, {count.periods - known->second.periods, seconds}};
  }
  if (worst.second.seconds <= kMostThrottled * wall) return;
  remarks.push_back(
      {"machine_throttled_quota",
       fmt::format("the control group {} used up its quota in {} periods, and its threads stood "
                   "still for {:.2f} s together: raise the quota, or use fewer threads",
                   worst.first, worst.second.periods, worst.second.seconds)});
}

}  // namespace

std::map<int, CoreTimes> core_times(const MachineFiles& files) {
  std::map<int, CoreTimes> times;
  std::ifstream lines(files.proc / "stat");
  for (std::string line; std::getline(lines, line) && line.starts_with("cpu");) {
    if (const auto core = core_of(line)) times.insert(*core);
  }
  return times;
}

std::vector<MachineRemark> quota_remarks(int threads, const MachineFiles& files) {
  const auto quota = cpu_quota(files);
  if (!quota || threads <= quota->cores) return {};
  const int fitting = whole_cores(*quota);
  const std::string help =
      threads > fitting ? fmt::format("write threads = {} (or 0) in the profile, or raise", fitting)
                        : "raise";
  return {{"machine_quota",
           fmt::format("the control group {} gives the time of {:.2f} cores, and the profile uses "
                       "{} thread{}, which wait when it is used up: {} the quota",
                       quota->group, quota->cores, threads, threads == 1 ? "" : "s", help)}};
}

MachineWatch::MachineWatch(std::vector<int> cores, MachineFiles files)
    : cores_(std::move(cores)),
      files_(std::move(files)),
      times_(core_times(files_)),
      throttled_(throttled_by_quota(files_)) {}

CoreTimes MachineWatch::since_then() const {
  const std::map<int, CoreTimes> now = core_times(files_);
  CoreTimes sum;
  for (const int core : cores_) {
    const auto before = times_.find(core), after = now.find(core);
    if (before == times_.end() || after == now.end()) continue;
    sum.programs += after->second.programs - before->second.programs;
    sum.stolen += after->second.stolen - before->second.stolen;
  }
  return sum;
}

std::vector<MachineRemark> MachineWatch::remarks(double wall_seconds,
                                                 double own_cpu_seconds) const {
  std::vector<MachineRemark> found;
  if (wall_seconds < kShortestSeconds || cores_.empty()) return found;
  const CoreTimes spent = since_then();
  add_steal(spent.stolen, wall_seconds * static_cast<double>(cores_.size()), found);
  add_busy(spent.programs - own_cpu_seconds, wall_seconds, cores_.size(), found);
  add_throttled(throttled_, throttled_by_quota(files_), wall_seconds, found);
  return found;
}

}  // namespace assay
