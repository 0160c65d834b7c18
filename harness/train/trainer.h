#pragma once
// The loop that methods train with inside a fit: AdamW over batches of items in a shuffled order,
// with a schedule, clipping, a held-out part, and checkpoints that a killed fit goes on from.
//
// What decides the result: the task, the settings, and LibTorch's number of threads. Equal ones
// give equal bits, whether or not a checkpoint was gone on from; another number of threads changes
// the last bits of sums, and what training makes of them. docs/training.md has the whole contract.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/train/adamw.h"
#include "harness/train/train_hooks.h"
#include "harness/train/train_settings.h"
#include "harness/train/training_state.h"

namespace assay {

/// A part of a step's batch.
struct StepPart {
  std::span<const std::int64_t> items;
  double share = 1;        ///< of the batch
  std::int64_t step = 0;   ///< from 0
  std::int64_t steps = 0;  ///< all
};

/// What is trained. The functions are called with gradients recorded.
struct TrainTask {
  std::vector<TrainedTensor> tensors = {};
  std::int64_t items = 0;
  /// Mean loss of these items: f32 scalar with a graph that reaches the tensors.
  std::function<at::Tensor(std::span<const std::int64_t> items)> loss = {};
  /// In place of `loss`, where that has parts whose graphs should not live at the same time: adds
  /// the gradients of the share of the items' mean loss to those of the tensors -> the mean loss.
  std::function<double(const StepPart& part)> accumulate = {};
  /// Value of the held-out part, lower is better; none where nothing is held out. The tensors end
  /// as they were at the best value.
  std::function<double()> held_out = {};
  /// Says all that the functions depend on beside the tensors' starting values: hashes of data, of
  /// what is frozen, settings of losses. A checkpoint is gone on from where it is equal; nobody
  /// asks where none are kept.
  Json identity = Json::object();
};

struct TrainResult {
  std::int64_t steps = 0;      ///< done
  bool stopped_early = false;  ///< patience ended, or a held-out value was low enough
  bool resumed = false;        ///< went on from a checkpoint
  double seconds = 0;          ///< of training and judging, in all processes that had a part in it
  std::vector<CurvePoint> curve;
  std::vector<HeldOutPoint> held_out;
  std::optional<HeldOutPoint> best;  ///< whose tensors were kept
};

/// Trains the tensors in place; their gradients are gone afterwards.
///
/// Throws NonFiniteValue naming step and tensor where a loss, a gradient or a held-out value is NaN
/// or infinite; what `progress` throws, after a checkpoint where that is Interrupted; MachineError
/// where a checkpoint cannot be written (the one before stays; a remark,
/// "training_checkpoint_unwritten", where the training was being interrupted anyway); UserError for
/// a checkpoint of another training. A damaged checkpoint is remarked on
/// ("training_checkpoint_damaged"), and the training begins anew: the result is the same. One of
/// another number of threads is gone on from with a remark ("training_threads_changed").
TrainResult train(const TrainTask& task, const TrainSettings& settings,
                  const TrainHooks& hooks = {});

}  // namespace assay
