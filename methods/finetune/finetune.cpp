// Trains a classifier, or what a compression method left of one, on labelled items.

#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/data/class_names.h"
#include "harness/data/labelled_items.h"
#include "harness/method/masks.h"
#include "harness/train/loss_curve.h"
#include "methods/finetune/settings.h"

namespace assay {
namespace {

using namespace finetune;

constexpr const char* kLabels = "labels";
constexpr std::uint64_t kAnySeed = 0;  ///< of a classifier that stored weights fill

/// True when the model had no classifier and got one.
bool ensure_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed) {
  const ModelSpec& spec = model.spec();
  if (spec.output != OutputKind::kClassifier) {
    add_classifier(model, labels, seed);
    return true;
  }
  require_same_classes(spec.classes, spec.labels, labels);
  return false;
}

/// The first items of the given order train, the last ones are held out.
struct Parts {
  LabelledItems train;
  std::optional<LabelledItems> dev;
};

Parts parts_of(const LabelledItems& items, double dev_share, std::uint64_t seed) {
  if (dev_share == 0) return {items, std::nullopt};
  const std::vector<std::int64_t> order = epoch_order(seed, 0, items.count());
  const auto held = static_cast<std::size_t>(
      std::max(1.0, std::floor(dev_share * static_cast<double>(items.count()))));
  if (held >= order.size()) {
    throw UserError(fmt::format("dev_share = {} leaves none of the {} items to train on", dev_share,
                                items.count()));
  }
  const std::span<const std::int64_t> all(order);
  return {chosen_items(items, all.first(all.size() - held)), chosen_items(items, all.last(held))};
}

/// What differs from the model before, in fp32 on the CPU, by the names of parameters.
std::map<std::string, at::Tensor> changes(const Model& before, const Model& after) {
  std::map<std::string, at::Tensor> old, changed;
  for (const Parameter& parameter : before.parameters()) old[parameter.name] = parameter.tensor;
  for (const Parameter& parameter : after.parameters()) {
    const auto found = old.find(parameter.name);
    const bool same = found != old.end() && at::equal(found->second, parameter.tensor);
    if (!same) changed[parameter.name] = parameter.tensor.to(at::kCPU, at::kFloat).contiguous();
  }
  return changed;
}

void tell(FitContext& context, const TrainResult& result) {
  context.metric("train/steps", static_cast<double>(result.steps));
  if (!result.curve.empty()) context.metric("train/loss", result.curve.back().loss);
  if (result.best) context.metric("train/dev_loss", result.best->value);
  tell_curve(context, result);
}

class Finetune final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "finetune";
    info.summary = "Trains an encoder, its head alone or LoRA matrices on labelled items";
    info.citation =
        "LoRA: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv "
        "2106.09685";
    info.params = settings_params();
    info.requires_ = {{"causal", "==", false,
                       "the classifier reads a text's first token, which sees nothing of the text "
                       "in a decoder; take an encoder"}};
    info.needs.training = true;
    info.changes = {"output", "classes", "labels"};
    return info;
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const Settings settings = settings_from(params, context.seed());
    const LabelledItems& items = context.training();
    const Parts parts = parts_of(items, settings.dev_share, context.seed());
    Model trained = model.clone();
    const bool added = ensure_classifier(trained, items.label_names, context.seed());
    if (settings.trained == Trained::kLora) {
      add_lora(trained, settings.lora, [](std::int64_t, Slot) { return true; });
    }
    const TrainResult result =
        train_classifier(trained, parts.train, parts.dev ? &*parts.dev : nullptr, settings.training,
                         hooks_of(context));
    merge_lora(trained);
    tell(context, result);
    Artefact artefact;
    if (added) artefact.plan[kLabels] = items.label_names;
    artefact.tensors = changes(model, trained);
    return artefact;
  }

  void apply(Model& model, const Artefact& artefact) const override {
    if (artefact.plan.contains(kLabels)) {
      add_classifier(model, artefact.plan.at(kLabels).get<std::vector<std::string>>(), kAnySeed);
    }
    apply_pruned_weights(model, artefact);
  }
};

}  // namespace

void register_finetune(MethodRegistry& registry) { registry.add(std::make_unique<Finetune>()); }

}  // namespace assay
