#include "methods/finetune/settings.h"

#include <optional>
#include <string>
#include <utility>

namespace assay::finetune {
namespace {

ParamSpec param(const char* name, ParamType type, Json value, const char* help) {
  ParamSpec spec;
  spec.name = name;
  spec.type = type;
  spec.default_value = std::move(value);
  spec.help = help;
  return spec;
}

ParamSpec choice(const char* name, std::vector<std::string> choices, const char* help) {
  ParamSpec spec = param(name, ParamType::kChoice, choices.front(), help);
  spec.choices = std::move(choices);
  return spec;
}

ParamSpec ranged(ParamSpec spec, double min, std::optional<double> max = {}) {
  spec.min = min;
  spec.max = max;
  return spec;
}

Trained trained_from(const std::string& name) {
  if (name == "head") return Trained::kHead;
  return name == "lora" ? Trained::kLora : Trained::kAll;
}

bool is_head(const Parameter& parameter) {
  return parameter.id && (parameter.id->slot == Slot::kHead || parameter.id->slot == Slot::kPooler);
}

ParameterChoice chosen(Trained trained) {
  if (trained == Trained::kAll) return {};
  if (trained == Trained::kHead) return is_head;
  return [](const Parameter& parameter) { return is_head(parameter) || is_lora(parameter); };
}

}  // namespace

std::vector<ParamSpec> settings_params() {
  ParamSpec rate =
      ranged(param("learning_rate", ParamType::kReal, 5e-5, "Highest learning rate"), 0);
  ParamSpec held = ranged(
      param("dev_share", ParamType::kReal, 0.0,
            "Share of the items that is held out; the weights that were best on it are kept"),
      0, 1);
  held.max_open = true;
  return {
      choice("trains", {"all", "head", "lora"},
             "All parameters, pooler and classifier alone, or LoRA beside every linear layer"),
      rate,
      ranged(param("epochs", ParamType::kInt, 3, "Times that every item is seen"), 1),
      ranged(param("batch", ParamType::kInt, 32, "Items a step"), 1),
      ranged(param("max_steps", ParamType::kInt, 0, "End after so many steps; 0: all epochs"), 0),
      choice("schedule", {"linear", "cosine", "constant"},
             "How the learning rate falls after the warm-up"),
      ranged(param("warmup", ParamType::kReal, 0.1, "Share of the steps in which it rises"), 0, 1),
      ranged(param("weight_decay", ParamType::kReal, 0.01, "Of matrices and embeddings (AdamW)"),
             0),
      ranged(param("clip", ParamType::kReal, 1.0, "Largest norm of all gradients; 0: any"), 0),
      param("dropout", ParamType::kBool, true, "Drop while training as the model's config says"),
      param("keep_zeros", ParamType::kBool, true,
            "Weights that are exactly zero stay so: what a pruner took out does not come back"),
      ranged(param("rank", ParamType::kInt, 8, "Rank of the LoRA matrices"), 1),
      ranged(param("alpha", ParamType::kReal, 16.0, "LoRA: the product is scaled by alpha / rank"),
             0),
      held,
      ranged(param("patience", ParamType::kInt, 0,
                   "End after so many epochs without a better held-out loss; 0: never"),
             0),
  };
}

Settings settings_from(const Params& params, std::uint64_t seed) {
  Settings settings;
  settings.trained = trained_from(params.get_text("trains"));
  TrainSettings& loop = settings.training.loop;
  loop.learning_rate = params.get_real("learning_rate");
  loop.epochs = params.get_int("epochs");
  loop.batch = params.get_int("batch");
  loop.max_steps = params.get_int("max_steps");
  loop.schedule = schedule_from_name(params.get_text("schedule")).value();
  loop.warmup = params.get_real("warmup");
  loop.clip = params.get_real("clip");
  loop.patience = params.get_int("patience");
  loop.seed = seed;
  ParameterSettings& parameters = settings.training.parameters;
  parameters.trains = chosen(settings.trained);
  parameters.weight_decay = params.get_real("weight_decay");
  parameters.dropout = params.get_bool("dropout");
  parameters.keep_zeros = params.get_bool("keep_zeros");
  settings.lora = {.rank = params.get_int("rank"), .alpha = params.get_real("alpha"), .seed = seed};
  settings.dev_share = params.get_real("dev_share");
  return settings;
}

}  // namespace assay::finetune
