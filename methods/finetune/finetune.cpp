// Trains a model, or what a compression method left of one: an encoder on labelled items, a decoder
// on text.

#include <string>
#include <vector>

#include "harness/method/masks.h"
#include "harness/train/classifier.h"
#include "harness/train/loss_curve.h"
#include "harness/train/training_forms.h"
#include "methods/finetune/trainings.h"

namespace assay {
namespace {

using namespace finetune;

constexpr const char* kLabels = "labels";
constexpr std::uint64_t kAnySeed = 0;  ///< of a classifier that stored weights fill

class Finetune final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "finetune";
    info.summary =
        "Trains a model, its head alone or LoRA matrices: an encoder on labelled items, a decoder "
        "on text";
    info.citation =
        "LoRA: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv "
        "2106.09685";
    info.params = settings_params();
    info.needs.training = {labelled_need(), text_need()};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    return unmet_trains(spec, params);
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const bool decoder = model.spec().causal;
    const Settings settings = settings_from(params, context.seed(), decoder);
    Artefact artefact;
    Model trained = model.clone();
    if (!decoder) give_classifier(trained, context, artefact);
    if (settings.trained == Trained::kLora) {
      add_lora(trained, settings.lora, [](std::int64_t, Slot) { return true; });
    }
    const TrainHooks hooks = hooks_of(context);
    const TrainResult result =
        decoder ? train_on_text(trained, context.training_text(), settings, hooks)
                : train_on_items(trained, context.training(), settings, hooks);
    merge_lora(trained);
    tell_training(context, result);
    artefact.tensors = changed_parameters(model, trained);
    return artefact;
  }

  void apply(Model& model, const Artefact& artefact) const override {
    if (artefact.plan.contains(kLabels)) {
      add_classifier(model, artefact.plan.at(kLabels).get<std::vector<std::string>>(), kAnySeed);
    }
    apply_pruned_weights(model, artefact);
  }

 private:
  /// One that it got is part of the artefact.
  static void give_classifier(Model& model, FitContext& context, Artefact& artefact) {
    const std::vector<std::string>& labels = context.training().label_names;
    if (ensure_classifier(model, labels, context.seed())) artefact.plan[kLabels] = labels;
  }
};

}  // namespace

void register_finetune(MethodRegistry& registry) { registry.add(std::make_unique<Finetune>()); }

}  // namespace assay
