#pragma once
// How a training goes: its length, its rates, its order.

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/base/json.h"
#include "harness/train/adamw.h"
#include "harness/train/schedule.h"

namespace assay {

struct TrainSettings {
  std::int64_t epochs = 1;
  std::int64_t batch = 32;       ///< items a step; the last of an epoch may have fewer
  std::int64_t micro_batch = 0;  ///< items a pass, gradients added up; 0: all of the batch
  std::int64_t max_steps = 0;    ///< end after so many, the schedule too; 0: all of the epochs
  double learning_rate = 5e-5;   ///< the highest
  Schedule schedule = Schedule::kLinear;
  double warmup = 0.1;  ///< share of all steps; see warmup_steps()
  double clip = 1.0;    ///< largest norm of all gradients together; 0: any
  AdamWSettings adamw = {};
  std::uint64_t seed = 0;           ///< of the order of the items and of dropout
  std::int64_t evaluate_every = 0;  ///< judge the held-out part after so many steps; 0: each epoch
  std::int64_t patience = 0;        ///< end after so many judgements without a better; 0: never
  /// End once a held-out value is below this; none: never.
  std::optional<double> stop_below = {};
  std::int64_t curve_every = 1;  ///< steps between entries of the loss curve
};
Json to_json(const TrainSettings& settings);

/// Steps of an epoch: items / batch rounded up.
std::int64_t steps_an_epoch(const TrainSettings& settings, std::int64_t items);

/// All steps: items / batch rounded up, for each epoch, unless max_steps is fewer.
std::int64_t steps_of(const TrainSettings& settings, std::int64_t items);

/// The order of the items in an epoch (from 0): one random.Random(seed) of Python shuffles
/// range(items) anew for each.
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t items);

}  // namespace assay
