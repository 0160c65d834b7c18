#include "harness/train/language_model.h"
#include "harness/train/training_forms.h"
#include "methods/finetune/trainings.h"

namespace assay::finetune {

TrainResult train_on_text(Model& model, const TrainingText& text, const Settings& settings,
                          const TrainHooks& hooks) {
  const std::int64_t held = held_out_count(settings.dev_share, text.windows(), "windows");
  const std::int64_t trained = text.windows() - held;
  return train_language_model(
      model, text.part(0, trained), text.part(trained, held),
      {.loop = settings.loop, .parameters = settings.parameters, .window = text.window}, hooks);
}

}  // namespace assay::finetune
