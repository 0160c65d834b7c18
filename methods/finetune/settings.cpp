#include "methods/finetune/settings.h"

#include <string>

#include "harness/base/param_makers.h"
#include "harness/train/training_params.h"

namespace assay::finetune {
namespace {

Trained trained_from(const std::string& name) {
  if (name == "head") return Trained::kHead;
  return name == "lora" ? Trained::kLora : Trained::kAll;
}

ParameterChoice chosen(Trained trained, bool decoder) {
  if (trained == Trained::kAll) return {};
  return trained == Trained::kHead ? ParameterChoice(is_head) : lora_choice(decoder);
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  std::vector<ParamSpec> all = {choice_param(
      "trains", {"all", "head", "lora"},
      "All parameters, the head alone (pooler and classifier, or a decoder's vocabulary "
      "head), or LoRA beside every linear layer")};
  const auto append = [&](const std::vector<ParamSpec>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  append(loop_params({.learning_rate = 5e-5,
                      .epochs = 3,
                      .batch = 32,
                      .schedules = {"linear", "cosine", "constant"},
                      .warmup = 0.1,
                      .weight_decay = 0.01}));
  append({flag_param("dropout", true, "Drop while training as the model's config says"),
          flag_param(
              "keep_zeros", true,
              "Weights that are exactly zero stay so: what a pruner took out does not come back")});
  append(lora_params(8));
  append({real_param("dev_share", 0.0, {.min = 0, .max = 1, .max_open = true},
                     "Share of the items, or of the last windows, that is held out; the weights "
                     "that were best on it are kept"),
          count_param("patience", 0, 0, "",
                      "End after so many epochs without a better held-out loss; 0: never")});
  return all;
}

Settings settings_from(const Params& params, std::uint64_t seed, bool decoder) {
  Settings settings;
  settings.trained = trained_from(params.get_text("trains"));
  settings.loop = loop_settings(params, seed);
  settings.loop.patience = params.get_int("patience");
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
