#include <optional>

#include "harness/train/classifier.h"
#include "harness/train/training_forms.h"
#include "methods/finetune/trainings.h"

namespace assay::finetune {
namespace {

struct Parts {
  LabelledItems train;
  std::optional<LabelledItems> dev;
};

Parts parts_of(const LabelledItems& items, const Settings& settings) {
  const std::int64_t held = held_out_count(settings.dev_share, items.count(), "items");
  if (held == 0) return {items, std::nullopt};
  const ItemParts parts = item_parts(settings.loop.seed, items.count(), held);
  return {chosen_items(items, parts.train), chosen_items(items, parts.held)};
}

}  // namespace

TrainResult train_on_items(Model& model, const LabelledItems& items, const Settings& settings,
                           const TrainHooks& hooks) {
  const Parts parts = parts_of(items, settings);
  return train_classifier(model, parts.train, parts.dev ? &*parts.dev : nullptr,
                          {.loop = settings.loop, .parameters = settings.parameters}, hooks);
}

}  // namespace assay::finetune
