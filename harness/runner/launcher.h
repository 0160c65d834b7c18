#pragma once
// How the runner starts a worker; a fake in tests.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/outcome.h"
#include "harness/protocol/protocol.h"
#include "harness/store/store.h"

namespace assay {

/// Everything one finished (or killed) worker left behind.
struct WorkerRun {
  ProcessRecord process;  ///< `pass` and `order` are the runner's to fill
  WorkerReply reply;
  OutcomeReason outcome;
  std::optional<std::int64_t> instructions;  ///< of the counted calls, where they were asked for
  /// That `assay`, the worker or the machine stood still meanwhile; the worker's times mean
  /// nothing.
  double paused_seconds = 0;
};

struct WorkerLimits {
  double timeout_s = 0;             ///< 0: none
  std::int64_t memory_bytes = 0;    ///< address space; 0: none
  bool timed = false;               ///< what else the machine does is said
  bool count_instructions = false;  ///< run under callgrind, which is some fifty times slower
};

using WorkerProgress = std::function<void(const ReplyReader::Progress&)>;

/// What of the machine workers are going to use.
struct MachineUse {
  std::vector<int> cores;
  std::string device = "cpu";
  bool alone = false;  ///< nobody else may use it meanwhile: times are taken
};

/// Keeps other programs off as long as it lives.
struct MachineHold {
  virtual ~MachineHold() = default;
  std::string problem = {};  ///< why others are not kept off; "" when they are
};

/// Requests that are answered one after the other, as the scores of one artefact are.
class WorkerSession {
 public:
  virtual ~WorkerSession() = default;
  /// As WorkerLauncher::run(). A worker that died or failed is replaced for the next request.
  virtual WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                        const WorkerProgress& progress) = 0;
  /// Lets the last worker end. Returns what was wrong with how it did, "" for nothing.
  virtual std::string end() { return ""; }
};

/// Used by several threads at the same time; a session by one.
class WorkerLauncher {
 public:
  virtual ~WorkerLauncher() = default;
  /// Asks all workers to end, now and later, as a stop does.
  virtual void cancel() {}
  /// A worker of its own for each request, unless a launcher can do with fewer. It must outlive the
  /// session.
  virtual std::unique_ptr<WorkerSession> session();
  /// Blocks until the worker has ended. Never throws for what a worker does: a crash, a limit or a
  /// stop becomes the outcome. Throws MachineError when the worker cannot be started at all.
  virtual WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                        const WorkerProgress& progress) = 0;
  /// Waits until the machine is free, and for no longer than a stop is not asked for; `say` is told
  /// what it waits for. A program holds one at a time. Without a say of its own, nobody is kept
  /// off.
  virtual std::unique_ptr<MachineHold> hold(
      const MachineUse& /*use*/, const std::function<void(const std::string&)>& /*say*/) {
    return std::make_unique<MachineHold>();
  }
};

/// A process for each request, even where one could answer several.
class SeparateWorkers final : public WorkerSession {
 public:
  explicit SeparateWorkers(WorkerLauncher& launcher) : launcher_(launcher) {}
  WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress) override {
    return launcher_.run(request, limits, progress);
  }

 private:
  WorkerLauncher& launcher_;
};

inline std::unique_ptr<WorkerSession> WorkerLauncher::session() {
  return std::make_unique<SeparateWorkers>(*this);
}

}  // namespace assay
