#include "methods/finetune/settings.h"

#include <string>

#include "harness/base/param_makers.h"

namespace assay::finetune {
namespace {

Trained trained_from(const std::string& name) {
  if (name == "head") return Trained::kHead;
  return name == "lora" ? Trained::kLora : Trained::kAll;
}

bool is_head(const Parameter& parameter) {
  return parameter.id && (parameter.id->slot == Slot::kHead || parameter.id->slot == Slot::kPooler);
}

ParameterChoice chosen(Trained trained, bool decoder) {
  if (trained == Trained::kAll) return {};
  if (trained == Trained::kHead) return is_head;
  if (decoder) return is_lora;
  return [](const Parameter& parameter) { return is_head(parameter) || is_lora(parameter); };
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  return {
      choice_param(
          "trains", {"all", "head", "lora"},
          "All parameters, the head alone (pooler and classifier, or a decoder's vocabulary "
          "head), or LoRA beside every linear layer"),
      real_param("learning_rate", 5e-5, {.min = 0}, "Highest learning rate"),
      count_param("epochs", 3, 1, "", "Times that every item or window is seen"),
      count_param("batch", 32, 1, "", "Items or windows a step"),
      count_param("max_steps", 0, 0, "", "End after so many steps; 0: all epochs"),
      choice_param("schedule", {"linear", "cosine", "constant"},
                   "How the learning rate falls after the warm-up"),
      real_param("warmup", 0.1, {.min = 0, .max = 1}, "Share of the steps in which it rises"),
      real_param("weight_decay", 0.01, {.min = 0}, "Of matrices and embeddings (AdamW)"),
      real_param("clip", 1.0, {.min = 0}, "Largest norm of all gradients; 0: any"),
      flag_param("dropout", true, "Drop while training as the model's config says"),
      flag_param(
          "keep_zeros", true,
          "Weights that are exactly zero stay so: what a pruner took out does not come back"),
      count_param("rank", 8, 1, "", "Rank of the LoRA matrices"),
      real_param("alpha", 16.0, {.min = 0}, "LoRA: the product is scaled by alpha / rank"),
      real_param("dev_share", 0.0, {.min = 0, .max = 1, .max_open = true},
                 "Share of the items, or of the last windows, that is held out; the weights that "
                 "were best on it are kept"),
      count_param("patience", 0, 0, "",
                  "End after so many epochs without a better held-out loss; 0: never"),
  };
}

Settings settings_from(const Params& params, std::uint64_t seed, bool decoder) {
  Settings settings;
  settings.trained = trained_from(params.get_text("trains"));
  TrainSettings& loop = settings.loop;
  loop.learning_rate = params.get_real("learning_rate");
  loop.epochs = params.get_int("epochs");
  loop.batch = params.get_int("batch");
  loop.max_steps = params.get_int("max_steps");
  loop.schedule = schedule_from_name(params.get_text("schedule")).value();
  loop.warmup = params.get_real("warmup");
  loop.clip = params.get_real("clip");
  loop.patience = params.get_int("patience");
  loop.seed = seed;
  ParameterSettings& parameters = settings.parameters;
  parameters.trains = chosen(settings.trained, decoder);
  parameters.weight_decay = params.get_real("weight_decay");
  parameters.dropout = params.get_bool("dropout");
  parameters.keep_zeros = params.get_bool("keep_zeros");
  settings.lora = {.rank = params.get_int("rank"),
                   .alpha = params.get_real("alpha"),
                   .seed = seed,
                   .keep_zeros = parameters.keep_zeros};
  settings.dev_share = params.get_real("dev_share");
  return settings;
}

std::vector<std::string> unmet_trains(const ModelSpec& spec, const Params& params) {
  if (params.get_text("trains") != "head" || !spec.causal || !spec.tied_head) return {};
  return {
      "trains = head: this model's head is its embedding (tied), and cannot be trained alone; set "
      "trains = all or lora"};
}

}  // namespace assay::finetune
