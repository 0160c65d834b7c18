#include "harness/runner/unpaused.h"

#include <fmt/format.h>

#include "harness/base/text.h"

namespace assay {
namespace {

constexpr int kMostTries = 3;

std::string what_happened(const WorkerRun& run) {
  return fmt::format("the run or the machine stood still for {} while this was timed",
                     human_seconds(run.paused_seconds));
}

}  // namespace

WorkerRun run_unpaused(WorkerLauncher& launcher, const WorkerRequest& request,
                       const WorkerLimits& limits, const WorkerProgress& progress) {
  std::string before;
  for (int attempt = 1;; ++attempt) {
    WorkerRun run = launcher.run(request, limits, progress);
    const bool useless = run.outcome.outcome == Outcome::kOk && run.paused_seconds > 0;
    if (useless && attempt < kMostTries) {
      before = what_happened(run);
      continue;
    }
    if (useless) {
      run.outcome = {Outcome::kInvalid, "paused",
                     fmt::format("{}, {} times in succession; run it again and let it run",
                                 what_happened(run), kMostTries)};
    } else if (!before.empty()) {
      run.reply.events.push_back({"info", "timed_again", before + "; this is another process"});
    }
    return run;
  }
}

}  // namespace assay
