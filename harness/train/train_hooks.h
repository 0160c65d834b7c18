#pragma once
// Whom a training tells what it does, and where it keeps its checkpoints.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "harness/base/checkpoint_time.h"
#include "harness/train/training_state.h"

namespace assay {

class FitContext;

/// What a training tells, all of it optional.
struct TrainHooks {
  /// After each step, in a state that can be gone on from: may throw Interrupted.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  /// Each entry of the loss curve; those of a checkpoint that is gone on from come first.
  std::function<void(const CurvePoint&)> curve = {};
  std::function<void(const std::string& code, const std::string& text)> warn = {};
  std::filesystem::path checkpoints = {};          ///< folder; empty: none are kept
  std::string name = "training";                   ///< of the file there; one a training of a fit
  std::int64_t checkpoint_steps = 0;               ///< steps between checkpoints; 0: by time
  double checkpoint_seconds = kCheckpointSeconds;  ///< between checkpoints, where not by steps
};
/// Progress, remarks and checkpoints of a fit. `context` must outlive them.
TrainHooks hooks_of(FitContext& context, const std::string& name = "training");

}  // namespace assay
