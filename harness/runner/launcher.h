#pragma once
// How the runner starts a worker; a fake in tests.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

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
};

struct WorkerLimits {
  double timeout_s = 0;             ///< 0: none
  std::int64_t memory_bytes = 0;    ///< address space; 0: none
  bool count_instructions = false;  ///< run under callgrind, which is some fifty times slower
};

using WorkerProgress = std::function<void(const ReplyReader::Progress&)>;

class WorkerLauncher {
 public:
  virtual ~WorkerLauncher() = default;
  /// Blocks until the worker has ended. Never throws for what a worker does: a crash, a limit or a
  /// stop becomes the outcome. Throws MachineError when the worker cannot be started at all.
  virtual WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                        const WorkerProgress& progress) = 0;
};

}  // namespace assay
