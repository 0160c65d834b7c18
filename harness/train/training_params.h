#pragma once
// The parameters that methods with a training loop have in common, by one name each.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/train/train_settings.h"
#include "harness/train/trained_model.h"

namespace assay {

/// What a method has where nothing is said.
struct LoopDefaults {
  double learning_rate = 5e-5;
  std::int64_t epochs = 1;
  std::int64_t batch = 32;
  std::vector<std::string> schedules;  ///< all three, the usual one first
  double warmup = 0.1;
  double weight_decay = 0.01;
};

/// learning_rate, epochs, batch, max_steps, schedule, warmup, weight_decay, clip.
std::vector<ParamSpec> loop_params(const LoopDefaults& defaults);
/// What they say of the loop; weight_decay is of the parameters, not of the loop.
TrainSettings loop_settings(const Params& params, std::uint64_t seed);

/// rank, alpha.
std::vector<ParamSpec> lora_params(std::int64_t rank);

/// The vocabulary head, or the classifier with its pooler.
bool is_head(const Parameter& parameter);
/// LoRA matrices, and of an encoder its head, which may be a fresh one.
ParameterChoice lora_choice(bool decoder);

}  // namespace assay
