#pragma once
// Where a training stands, and the file that keeps it (docs/training.md).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// An entry of a loss curve.
struct CurvePoint {
  std::int64_t step = 0;     ///< steps done
  double loss = 0;           ///< mean over the steps since the entry before
  double learning_rate = 0;  ///< of the last of these steps, before factors of single tensors
  double gradient_norm = 0;  ///< of the last of these steps, before clipping
};

/// A judgement of the held-out part; lower is better.
struct HeldOutPoint {
  std::int64_t step = 0;  ///< steps done
  double value = 0;
};

/// All of a training that its settings and data do not say.
struct TrainingState {
  std::int64_t step = 0;  ///< steps done; also the place in the order of the items
  bool finished = false;
  double seconds = 0;  ///< of all processes so far
  double curve_sum = 0;
  std::int64_t curve_steps = 0;  ///< not yet in the curve
  std::vector<CurvePoint> curve;
  std::vector<HeldOutPoint> held_out;
  std::optional<HeldOutPoint> best;

  // One a trained tensor, in their order.
  std::vector<at::Tensor> tensors;        ///< their values
  std::vector<at::Tensor> first, second;  ///< AdamW's moments; empty when finished
  std::vector<at::Tensor> steps;          ///< AdamW's steps; empty when finished
  std::vector<at::Tensor> best_tensors;   ///< at the best judgement; empty without one
  std::vector<at::Tensor> generators;     ///< of LibTorch; empty when finished
};

/// Of a file and of a run: {"settings": ..., "task": ..., "tensors": ...}. Runs with equal ones are
/// the same training.
using TrainingConfiguration = Json;

/// Replaces the file in one step. Throws MachineError for a full disk and the like; the file that
/// was there stays then. `threads`: of LibTorch, which decide the last bits.
void save_training_state(const std::filesystem::path& path, const TrainingState& state,
                         const TrainingConfiguration& configuration, int threads);

struct StoredTraining {
  TrainingState state;
  int threads = 1;
};

/// Nothing when there is no such file. Removes what a killed process left half written. Throws
/// FileError for one that is damaged (also when another program has written it), and UserError
/// naming what differs for one of another training.
std::optional<StoredTraining> load_training_state(const std::filesystem::path& path,
                                                  const TrainingConfiguration& configuration);

}  // namespace assay
