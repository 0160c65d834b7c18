#include "harness/runner/process_launcher.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "harness/base/clock.h"
#include "harness/base/text.h"
#include "harness/measure/affinity.h"
#include "harness/measure/machine.h"
#include "harness/measure/machine_lock.h"
#include "harness/measure/machine_watch.h"
#include "harness/process/child.h"
#include "harness/process/classify.h"
#include "harness/process/lasting_child.h"
#include "harness/protocol/common_metrics.h"
#include "harness/runner/callgrind.h"
#include "harness/runner/plugins.h"
#include "harness/runner/tools.h"

namespace assay {
namespace {

/// User and system time of this thread so far, which does nothing else while a worker runs.
double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Progress that cannot be shown (a terminal that went away) is no fault of the worker, which an
/// exception on the way of its reply would be.
void show(const WorkerProgress& progress, const ReplyReader::Progress& report) {
  try {
    progress(report);
  } catch (const std::exception&) {
    return;
  }
}

/// A training that is stopped writes a checkpoint first: three times the model, synced.
constexpr double kCheckpointGraceSeconds = 60;

ChildSpec child_spec(const WorkerRequest& request, const WorkerLimits& limits) {
  ChildSpec spec;
  spec.program = worker_program();
  spec.arguments = plugin_arguments();
  spec.environment = worker_environment();
  spec.input = to_json(request).dump() + "\n";
  spec.working_folder = request.scratch;
  if (limits.timeout_s > 0) spec.timeout_seconds = limits.timeout_s;
  if (limits.memory_bytes > 0) spec.memory_limit_bytes = limits.memory_bytes;
  if (request.training || request.training_text) spec.grace_seconds = kCheckpointGraceSeconds;
  return spec;
}

/// Held by file locks.
struct LockedMachine final : MachineHold {
  LockedMachine(const MachineUse& use, const std::stop_token& stop,
                const std::function<void(const std::string&)>& say)
      : lock(lock_folder(), machine_parts(use.cores, use.device, use.alone), stop, say) {
    problem = lock.problem();
  }
  MachineLock lock;
};

/// What the machine did besides, said beside the process's times.
void remark_on_machine(const MachineWatch& watch, const WorkerRequest& request, WorkerRun& run) {
  const double own = run.process.cpu_seconds + run.process.parent_cpu_seconds;
  std::vector<MachineRemark> remarks = quota_remarks(request.threads);
  for (MachineRemark& remark : watch.remarks(run.process.wall_seconds, own)) {
    remarks.push_back(std::move(remark));
  }
  for (const MachineRemark& remark : remarks) {
    run.reply.events.push_back({"warning", remark.code, remark.text});
  }
}

/// A fit is not done again for its time.
void remark_on_pause(WorkerRun& run) {
  run.reply.events.push_back({"warning", "machine_paused",
                              "the run or the machine stood still for " +
                                  human_seconds(run.paused_seconds) +
                                  " during the fit: fit/seconds is too long by up to that"});
}

/// Asks a child, and says how that went.
using Ask = std::function<ChildResult(const ChildCallbacks& callbacks, const ReplyReader& reader)>;

void take_result(const ChildResult& result, WorkerRun& run) {
  run.process.pid = result.pid;
  run.process.exit_code = result.exit_code;
  run.process.signal = result.signal;
  run.process.peak_rss_bytes = result.peak_rss_bytes;
  run.process.cpu_seconds = result.cpu_seconds;
  run.process.stderr_tail = result.stderr_tail;
  run.paused_seconds = result.paused_seconds;
}

/// All but who is asked.
WorkerRun asked(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress, const Ask& ask) {
  WorkerRun run;
  ReplyReader reader;
  run.process.started_utc = utc_now();
  run.process.load1 = load_average().value_or(0);
  const MachineWatch watch(request.cores.empty() ? allowed_cores() : request.cores);
  const double started = monotonic_seconds();
  const double cpu = own_cpu_seconds();
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) {
    if (run.process.start_seconds == 0) run.process.start_seconds = monotonic_seconds() - started;
    if (const auto report = reader.feed(line)) show(progress, *report);
  };
  const ChildResult result = ask(callbacks, reader);
  run.process.ended_utc = utc_now();
  run.process.wall_seconds = monotonic_seconds() - started;
  run.process.parent_cpu_seconds = own_cpu_seconds() - cpu;
  take_result(result, run);
  run.reply = reader.reply();
  run.outcome = classify(result, run.reply, limits.memory_bytes);
  if (limits.timed) remark_on_machine(watch, request, run);
  if (request.op == "fit" && run.paused_seconds > 0) remark_on_pause(run);
  return run;
}

/// One worker for requests that follow one another.
class LastingWorker final : public WorkerSession {
 public:
  LastingWorker(std::stop_token stop, std::stop_token kill)
      : stop_(std::move(stop)), kill_(std::move(kill)) {}

  WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress) override {
    std::optional<WorkerRun> run = answer(request, limits, progress);
    // What kills a worker that waits has nothing to do with the next request.
    if (!run) run = answer(request, limits, progress);
    return std::move(*run);
  }

  std::string end() override {
    // One that needs longer than the grace time to end is killed by us, and has answered all.
    if (child_) {
      if (const ChildResult result = child_->end(); result.signal != SIGKILL) note_end(result);
    }
    child_.reset();
    return std::exchange(problem_, "");
  }

 private:
  /// Nothing when a worker that had waited was found dead.
  std::optional<WorkerRun> answer(const WorkerRequest& request, const WorkerLimits& limits,
                                  const WorkerProgress& progress) {
    const bool waited = child_ != nullptr;
    ChildSpec spec = child_spec(request, limits);
    const std::string input = std::move(spec.input);
    bool lives_on = false, found_dead = false;
    WorkerRun run = asked(
        request, limits, progress, [&](const ChildCallbacks& callbacks, const ReplyReader& reader) {
          bool was_heard = false;
          ChildCallbacks heard = callbacks;
          heard.on_line = [&](const std::string& line) {
            was_heard = true;
            callbacks.on_line(line);
          };
          if (!child_) child_ = std::make_unique<LastingChild>(std::move(spec));
          ChildResult result = child_->ask(
              input, heard, [&] { return reader.reply().complete; }, stop_, kill_);
          lives_on = result.lives_on;
          if (reader.reply().complete && !lives_on && !result.timed_out && !result.interrupted) {
            note_end(result);  // which is not what the answer is about
            result.signal = result.exit_code = 0;
          }
          found_dead = waited && !was_heard && child_->has_ended() && !result.interrupted;
          return result;
        });
    // What went wrong may have left anything behind.
    if (!lives_on || run.outcome.outcome != Outcome::kOk) child_.reset();
    return found_dead ? std::nullopt : std::optional(std::move(run));
  }

  void note_end(const ChildResult& result) {
    if (result.signal == 0 && result.exit_code == 0) return;
    problem_ = "after its last answer the worker " +
               (result.signal != 0 ? "died of " + signal_name(result.signal)
                                   : "ended with exit code " + std::to_string(result.exit_code));
  }

  std::stop_token stop_, kill_;
  std::unique_ptr<LastingChild> child_;
  std::string problem_;  ///< with how the worker before ended
};

}  // namespace

ProcessLauncher::ProcessLauncher(std::stop_token stop, std::stop_token kill)
    : on_stop_(std::move(stop), [this] { stop_.request_stop(); }), kill_(std::move(kill)) {}

WorkerRun ProcessLauncher::run(const WorkerRequest& request, const WorkerLimits& limits,
                               const WorkerProgress& progress) {
  ChildSpec spec = child_spec(request, limits);
  const std::filesystem::path counts = std::filesystem::path(request.scratch) / "callgrind.out";
  if (limits.count_instructions) spec = under_callgrind(spec, kCountedFunction, counts);
  WorkerRun run = asked(request, limits, progress,
                        [&](const ChildCallbacks& callbacks, const ReplyReader& /*reader*/) {
                          return run_child(spec, callbacks, stop_.get_token(), kill_);
                        });
  if (limits.count_instructions) run.instructions = counted_instructions(counts);
  return run;
}

std::unique_ptr<WorkerSession> ProcessLauncher::session() {
  return std::make_unique<LastingWorker>(stop_.get_token(), kill_);
}

std::unique_ptr<MachineHold> ProcessLauncher::hold(
    const MachineUse& use, const std::function<void(const std::string&)>& say) {
  return std::make_unique<LockedMachine>(use, stop_.get_token(), say);
}

}  // namespace assay
