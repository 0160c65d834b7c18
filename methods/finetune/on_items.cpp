#include <optional>
#include <span>

#include "harness/data/class_names.h"
#include "harness/train/classifier.h"
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
  const std::vector<std::int64_t> order = epoch_order(settings.loop.seed, 0, items.count());
  const std::span<const std::int64_t> all(order);
  const auto last = static_cast<std::size_t>(held);
  return {chosen_items(items, all.first(all.size() - last)), chosen_items(items, all.last(last))};
}

}  // namespace

bool ensure_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed) {
  const ModelSpec& spec = model.spec();
  if (spec.output != OutputKind::kClassifier) {
    add_classifier(model, labels, seed);
    return true;
  }
  require_same_classes(spec.classes, spec.labels, labels);
  return false;
}

TrainResult train_on_items(Model& model, const LabelledItems& items, const Settings& settings,
                           const TrainHooks& hooks) {
  const Parts parts = parts_of(items, settings);
  return train_classifier(model, parts.train, parts.dev ? &*parts.dev : nullptr,
                          {.loop = settings.loop, .parameters = settings.parameters}, hooks);
}

}  // namespace assay::finetune
