#pragma once
// The loop that methods train with inside a fit: AdamW over batches of items in a shuffled order,
// with a schedule, clipping, a held-out part, and checkpoints that a killed fit goes on from.
//
// What decides the result: the task, the settings, and LibTorch's number of threads. Equal ones
// give equal bits, whether or not a checkpoint was gone on from; another number of threads changes
// the last bits of sums, and what training makes of them. docs/training.md has the whole contract.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/train/adamw.h"
#include "harness/train/schedule.h"
#include "harness/train/training_state.h"

namespace assay {

class FitContext;

struct TrainSettings {
  std::int64_t epochs = 1;
  std::int64_t batch = 32;       ///< items a step; the last of an epoch may have fewer
  std::int64_t micro_batch = 0;  ///< items a pass, gradients added up; 0: all of the batch
  std::int64_t max_steps = 0;    ///< end after so many, the schedule too; 0: all of the epochs
  double learning_rate = 5e-5;   ///< the highest
  Schedule schedule = Schedule::kLinear;
  double warmup = 0.1;  ///< share of all steps; see warmup_steps()
  double clip = 1.0;    ///< largest norm of all gradients together; 0: any
  AdamWSettings adamw;
  std::uint64_t seed = 0;           ///< of the order of the items and of dropout
  std::int64_t evaluate_every = 0;  ///< judge the held-out part after so many steps; 0: each epoch
  std::int64_t patience = 0;        ///< end after so many judgements without a better; 0: never
  std::int64_t curve_every = 1;     ///< steps between entries of the loss curve
};
Json to_json(const TrainSettings& settings);

/// What is trained. The functions are called with gradients recorded.
struct TrainTask {
  std::vector<TrainedTensor> tensors = {};
  std::int64_t items = 0;
  /// Mean loss of these items: f32 scalar with a graph that reaches the tensors.
  std::function<at::Tensor(std::span<const std::int64_t> items)> loss = {};
  /// Value of the held-out part, lower is better; none where nothing is held out. The tensors end
  /// as they were at the best value.
  std::function<double()> held_out = {};
  /// Says all that the functions depend on beside the tensors' starting values: hashes of data, of
  /// what is frozen, settings of losses. A checkpoint is gone on from where it is equal; nobody
  /// asks where none are kept.
  Json identity = Json::object();
};

/// What a training tells, all of it optional.
struct TrainHooks {
  /// After each step, in a state that can be gone on from: may throw Interrupted.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  /// Each entry of the loss curve; those of a checkpoint that is gone on from come first.
  std::function<void(const CurvePoint&)> curve = {};
  std::function<void(const std::string& code, const std::string& text)> warn = {};
  std::filesystem::path checkpoints = {};  ///< folder; empty: none are kept
  std::string name = "training";           ///< of the file there; one a training of a fit
  std::int64_t checkpoint_steps = 0;       ///< steps between checkpoints; 0: by time
  double checkpoint_seconds = 120;         ///< between checkpoints, where not by steps
};
/// Progress, remarks and checkpoints of a fit. `context` must outlive them.
TrainHooks hooks_of(FitContext& context, const std::string& name = "training");

struct TrainResult {
  std::int64_t steps = 0;      ///< done
  bool stopped_early = false;  ///< patience ended
  bool resumed = false;        ///< went on from a checkpoint
  double seconds = 0;          ///< of training and judging, in all processes that had a part in it
  std::vector<CurvePoint> curve;
  std::vector<HeldOutPoint> held_out;
  std::optional<HeldOutPoint> best;  ///< whose tensors were kept
};

/// All steps: items / batch rounded up, for each epoch, unless max_steps is fewer.
std::int64_t steps_of(const TrainSettings& settings, std::int64_t items);

/// The order of the items in an epoch (from 0): one random.Random(seed) of Python shuffles
/// range(items) anew for each.
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t items);

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
