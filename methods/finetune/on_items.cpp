#include "harness/train/classifier.h"
#include "harness/train/training_forms.h"
#include "methods/finetune/trainings.h"

namespace assay::finetune {
TrainResult train_on_items(Model& model, const LabelledItems& items, const Settings& settings,
                           const TrainHooks& hooks) {
  const SplitItems parts = split_items(items, settings.dev_share, settings.loop.seed);
  return train_classifier(model, parts.train, parts.dev ? &*parts.dev : nullptr,
                          {.loop = settings.loop, .parameters = settings.parameters}, hooks);
}

}  // namespace assay::finetune
