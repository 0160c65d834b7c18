#include "harness/train/training_forms.h"

#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/errors.h"
#include "harness/data/class_names.h"
#include "harness/train/classifier.h"
#include "harness/train/train_settings.h"

namespace assay {

TrainingNeed labelled_need() {
  return {.data = kLabelledData,
          .requires_ = {{"causal", "==", false,
                         "the classifier reads a text's first token, which sees nothing of the "
                         "text in a decoder; give training a data set of kind text"}},
          .changes = {"output", "classes", "labels"}};
}

TrainingNeed text_need() {
  return {.data = kTextData,
          .requires_ = {{"causal", "==", true,
                         "an encoder predicts no next token; give training a data set of kind "
                         "labelled"}}};
}

bool ensure_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed) {
  const ModelSpec& spec = model.spec();
  if (spec.output != OutputKind::kClassifier) {
    add_classifier(model, labels, seed);
    return true;
  }
  require_same_classes(spec.classes, spec.labels, labels);
  return false;
}

std::map<std::string, at::Tensor> changed_parameters(const Model& before, const Model& after) {
  std::map<std::string, at::Tensor> old, changed;
  for (const Parameter& parameter : before.parameters()) old[parameter.name] = parameter.tensor;
  for (const Parameter& parameter : after.parameters()) {
    const auto found = old.find(parameter.name);
    const bool same = found != old.end() && at::equal(found->second, parameter.tensor);
    if (!same) changed[parameter.name] = parameter.tensor.to(at::kCPU, at::kFloat).contiguous();
  }
  return changed;
}

std::int64_t held_out_count(double dev_share, std::int64_t count, const char* unit) {
  if (dev_share == 0) return 0;
  const auto held =
      static_cast<std::int64_t>(std::max(1.0, std::floor(dev_share * static_cast<double>(count))));
  if (held < count) return held;
  throw UserError(
      fmt::format("dev_share = {} leaves none of the {} {} to train on; lower it, or "
                  "give more of them",
                  dev_share, count, unit));
}

ItemParts item_parts(std::uint64_t seed, std::int64_t count, std::int64_t held) {
  const std::vector<std::int64_t> order = epoch_order(seed, 0, count);
  const auto border = order.end() - held;
  return {{order.begin(), border}, {border, order.end()}};
}

SplitItems split_items(const LabelledItems& items, double dev_share, std::uint64_t seed) {
  const std::int64_t held = held_out_count(dev_share, items.count(), "items");
  if (held == 0) return {items, std::nullopt};
  const ItemParts parts = item_parts(seed, items.count(), held);
  return {chosen_items(items, parts.train), chosen_items(items, parts.held)};
}

void remark_on_groups(FitContext& context, std::int64_t batch, std::int64_t instances) {
  if (batch % instances == 0) return;
  context.warn("mux_groups_filled",
               fmt::format("{} items a step do not fill groups of {}; the last group of each batch "
                           "is filled up with items of the batch",
                           batch, instances));
}

}  // namespace assay
