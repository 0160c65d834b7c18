#pragma once
// Workers as real child processes.

#include <functional>
#include <stop_token>

#include "harness/runner/launcher.h"

namespace assay {

class ProcessLauncher : public WorkerLauncher {
 public:
  /// `stop` ends the running worker after a grace time, `kill` at once.
  ProcessLauncher(std::stop_token stop, std::stop_token kill);
  void cancel() override { stop_.request_stop(); }
  WorkerRun run(const WorkerRequest& request, const WorkerLimits& limits,
                const WorkerProgress& progress) override;
  /// One worker as long as it answers well: who asks for the same model again finds it loaded.
  std::unique_ptr<WorkerSession> session() override;
  /// By the locks that every `assay` of this machine asks for.
  std::unique_ptr<MachineHold> hold(const MachineUse& use,
                                    const std::function<void(const std::string&)>& say) override;

 private:
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_stop_;  ///< hands a stop on
  std::stop_token kill_;
};

}  // namespace assay
