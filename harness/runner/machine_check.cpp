#include "harness/runner/machine_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/config/profile.h"
#include "harness/measure/nvml.h"
#include "harness/runner/unpaused.h"
#include "harness/stats/intervals.h"

namespace assay {
namespace {

constexpr double kTimeout = 300;

WorkerReply reply_of(const ProfileEntry& profile, const std::string& work,
                     WorkerLauncher& launcher) {
  WorkerRun run =
      run_unpaused(launcher, machine_request(profile, work), {kTimeout, 0}, [](const auto&) {});
  if (run.outcome.outcome == Outcome::kInterrupted) throw Interrupted();
  if (run.outcome.outcome != Outcome::kOk) {
    throw MachineError(fmt::format("profile '{}': this machine could not be measured: {}",
                                   profile.id, run.outcome.text));
  }
  return std::move(run.reply);
}

double metric_of(const WorkerReply& reply, const std::string& tag) {
  for (const MetricValue& metric : reply.metrics) {
    if (metric.tag == tag && metric.value) return *metric.value;
  }
  throw std::logic_error("the worker did not measure " + tag);
}

void check_floor(const char* what, double found, double floor, const char* unit,
                 const std::string& key, std::vector<std::string>& reasons) {
  if (floor <= 0 || found >= floor) return;
  reasons.push_back(
      fmt::format("{} is {:.1f} {}, and the profile asks for {:.1f}: stop other work, check the "
                  "BLAS and its threads, or lower floors.{}",
                  what, found, unit, floor, key));
}

void check_features(const ProfileEntry& profile, const Json& environment,
                    std::vector<std::string>& reasons) {
  const Json known = environment.value("/cpu/isa"_json_pointer, Json::array());
  for (const std::string& feature : profile.features) {
    if (std::find(known.begin(), known.end(), Json(feature)) != known.end()) continue;
    reasons.push_back(fmt::format(
        "the processor has no '{}', which the profile asks for; it has {}", feature, known.dump()));
  }
}

}  // namespace

WorkerRequest machine_request(const ProfileEntry& profile, const std::string& work) {
  WorkerRequest request;
  request.op = "machine";
  request.dtype = profile.dtype;
  request.device = profile.device;
  request.threads = threads_on_this_machine(profile);
  request.cores = profile.cores;
  request.method = "dense";
  request.suite_params = {{"work", work}};
  return request;
}

MachineSpeed measure_machine_speed(const ProfileEntry& profile, WorkerLauncher& launcher) {
  WorkerReply reply = reply_of(profile, "speed", launcher);
  return {.gemm_flops = metric_of(reply, "machine/gemm"),
          .bandwidth = metric_of(reply, "machine/bandwidth"),
          .timer_seconds = metric_of(reply, "machine/timer"),
          .environment = std::move(reply.environment)};
}

std::vector<std::string> unfit_reasons(const ProfileEntry& profile, const MachineSpeed& speed,
                                       std::optional<double> load) {
  std::vector<std::string> reasons;
  check_floor("a product of 1024^3", speed.gemm_flops / 1e9, profile.floors.gemm_gflops, "GFLOP/s",
              "gemm_gflops", reasons);
  check_floor("reading memory", speed.bandwidth / 1e9, profile.floors.bandwidth_gb_s, "GB/s",
              "bandwidth_gb_s", reasons);
  if (profile.floors.max_load > 0 && load && *load > profile.floors.max_load) {
    reasons.push_back(
        fmt::format("the load average of the last minute is {:.1f}, and the profile allows {:.1f}: "
                    "wait until other work has ended",
                    *load, profile.floors.max_load));
  }
  check_features(profile, speed.environment, reasons);
  const std::string build = unfit_build(speed.environment);
  if (!build.empty()) reasons.push_back(build);
  return reasons;
}

std::vector<std::string> foreign_gpu_reasons(
    const ProfileEntry& profile, const std::optional<std::vector<std::int64_t>>& processes) {
  if (!processes || processes->empty()) return {};
  return {fmt::format(
      "{} is used by {} other process{} (pid {}): wait until they have ended, or choose another "
      "GPU with device = \"cuda:N\"",
      profile.device, processes->size(), processes->size() == 1 ? "" : "es",
      fmt::join(*processes, ", "))};
}

std::optional<std::vector<std::int64_t>> gpu_processes(const ProfileEntry& profile) {
  if (profile.device == "cpu") return std::nullopt;
  const std::size_t colon = profile.device.find(':');
  const int index = colon == std::string::npos ? 0 : std::stoi(profile.device.substr(colon + 1));
  const auto opened = NvmlDevice::open(index);
  return opened.device ? opened.device->processes() : std::nullopt;
}

std::optional<std::vector<std::int64_t>> still_there(
    const std::optional<std::vector<std::int64_t>>& before, const ProfileEntry& profile) {
  if (!before || before->empty()) return before;
  const auto now = gpu_processes(profile);
  if (!now) return before;
  std::vector<std::int64_t> both;
  for (const std::int64_t pid : *before) {
    if (std::find(now->begin(), now->end(), pid) != now->end()) both.push_back(pid);
  }
  return both;
}

std::string unfit_build(const Json& environment) {
  const Json build = environment.value("build", Json::object());
  const std::string sanitizers = build.value("sanitize", "");
  const bool debug =
      build.value("build_type", "Release") == "Debug" || build.value("assertions", false);
  if (!debug && sanitizers.empty()) return "";
  return fmt::format(
      "assay-worker is a {} build; time with a release build (scripts/build release)",
      sanitizers.empty() ? "debug" : "sanitizer (" + sanitizers + ")");
}

double one_process(const ProfileEntry& profile, const std::string& work, WorkerLauncher& launcher) {
  const WorkerReply reply = reply_of(profile, work, launcher);
  std::vector<double> seconds;
  for (const Sample& sample : reply.samples) {
    if (!sample.warmup) seconds.push_back(sample.value);
  }
  if (seconds.empty()) throw std::logic_error("the worker measured no piece of work");
  return median(seconds);
}

}  // namespace assay
