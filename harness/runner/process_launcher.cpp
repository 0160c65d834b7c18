#include "harness/runner/process_launcher.h"

#include <cstdlib>
#include <utility>

#include "harness/base/clock.h"
#include "harness/process/child.h"
#include "harness/process/classify.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

ChildSpec child_spec(const WorkerRequest& request, const WorkerLimits& limits) {
  ChildSpec spec;
  spec.program = worker_program();
  spec.environment = worker_environment();
  spec.input = to_json(request).dump() + "\n";
  spec.working_folder = request.scratch;
  if (limits.timeout_s > 0) spec.timeout_seconds = limits.timeout_s;
  if (limits.memory_bytes > 0) spec.memory_limit_bytes = limits.memory_bytes;
  return spec;
}

}  // namespace

ProcessLauncher::ProcessLauncher(std::stop_token stop, std::stop_token kill)
    : stop_(std::move(stop)), kill_(std::move(kill)) {}

WorkerRun ProcessLauncher::run(const WorkerRequest& request, const WorkerLimits& limits,
                               const WorkerProgress& progress) {
  WorkerRun run;
  ReplyReader reader;
  run.process.started_utc = utc_now();
  run.process.load1 = load_average();
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) {
    if (const auto report = reader.feed(line)) progress(*report);
  };
  const ChildResult result = run_child(child_spec(request, limits), callbacks, stop_, kill_);
  run.process.ended_utc = utc_now();
  run.process.pid = result.pid;
  run.process.exit_code = result.exit_code;
  run.process.signal = result.signal;
  run.process.peak_rss_bytes = result.peak_rss_bytes;
  run.process.cpu_seconds = result.cpu_seconds;
  run.process.stderr_tail = result.stderr_tail;
  run.reply = reader.reply();
  run.outcome = classify(result, run.reply, limits.memory_bytes);
  return run;
}

}  // namespace assay
