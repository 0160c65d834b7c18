#include "harness/train/training_params.h"

#include "harness/base/param_makers.h"
#include "harness/train/lora.h"

namespace assay {

std::vector<ParamSpec> loop_params(const LoopDefaults& defaults) {
  return {
      real_param("learning_rate", defaults.learning_rate, {.min = 0}, "Highest learning rate"),
      count_param("epochs", defaults.epochs, 1, "", "Times that every item or window is seen"),
      count_param("batch", defaults.batch, 1, "", "Items or windows a step"),
      count_param("max_steps", 0, 0, "", "End after so many steps; 0: all epochs"),
      choice_param("schedule", defaults.schedules, "How the learning rate falls after the warm-up"),
      real_param("warmup", defaults.warmup, {.min = 0, .max = 1},
                 "Share of the steps in which it rises"),
      real_param("weight_decay", defaults.weight_decay, {.min = 0},
                 "Of matrices and embeddings (AdamW)"),
      real_param("clip", 1.0, {.min = 0}, "Largest norm of all gradients; 0: any"),
  };
}

TrainSettings loop_settings(const Params& params, std::uint64_t seed) {
  TrainSettings loop;
  loop.learning_rate = params.get_real("learning_rate");
  loop.epochs = params.get_int("epochs");
  loop.batch = params.get_int("batch");
  loop.max_steps = params.get_int("max_steps");
  loop.schedule = schedule_from_name(params.get_text("schedule")).value();
  loop.warmup = params.get_real("warmup");
  loop.clip = params.get_real("clip");
  loop.seed = seed;
  return loop;
}

std::vector<ParamSpec> lora_params(std::int64_t rank) {
  return {count_param("rank", rank, 1, "", "Rank of the LoRA matrices"),
          real_param("alpha", 16.0, {.min = 0}, "LoRA: the product is scaled by alpha / rank")};
}

bool is_head(const Parameter& parameter) {
  return parameter.id && (parameter.id->slot == Slot::kHead || parameter.id->slot == Slot::kPooler);
}

ParameterChoice lora_choice(bool decoder) {
  if (decoder) return is_lora;
  return [](const Parameter& parameter) { return is_head(parameter) || is_lora(parameter); };
}

}  // namespace assay
