#include "harness/train/classifier.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "harness/base/cell_errors.h"
#include "harness/checkpoint/spec_json.h"
#include "harness/model/outputs.h"
#include "harness/train/item_batches.h"
#include "harness/train/losses.h"

namespace assay {
namespace {

constexpr double kDeviation = 0.02;

DenseLinear fresh_linear(const Model& model, std::int64_t out, const at::Generator& generator) {
  const at::Tensor weight = at::empty({out, model.spec().width}, at::TensorOptions(at::kFloat))
                                .normal_(0, kDeviation, generator)
                                .to(model.device(), model.dtype());
  return {weight, at::zeros({out}, weight.options())};
}

at::Tensor loss_of(const Model& model, const LabelledItems& items,
                   std::span<const std::int64_t> which) {
  return cross_entropy(model.sequence_logits(pack_items(items, which, model.device())),
                       labels_of(items, which, model.device()));
}

Json identity_of(const Model& model, const LabelledItems& train, const LabelledItems* dev,
                 const ClassifierTraining& settings) {
  return {{"what", "classifier"},
          {"model", model.content_hash()},
          {"spec", to_json(model.spec())},
          {"train", train.content_hash()},
          {"dev", dev != nullptr ? Json(dev->content_hash()) : Json()},
          {"dropout", settings.parameters.dropout},
          {"held_out", static_cast<int>(settings.held_out)}};
}

}  // namespace

void add_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed) {
  if (labels.size() < 2) throw std::logic_error("a classifier has two or more classes");
  if (model.spec().causal) {
    throw DoesNotApply(
        "a classifier reads each text's first token, which sees all of the text in "
        "an encoder only; this model is a decoder");
  }
  const c10::InferenceMode plain(false);
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto* old = dynamic_cast<const Classifier*>(&model.output());
  std::optional<DenseLinear> pooler = old != nullptr ? old->pooler() : std::nullopt;
  if (!pooler) pooler = fresh_linear(model, model.spec().width, generator);
  const auto classes = static_cast<std::int64_t>(labels.size());
  model.replace_output(std::make_unique<Classifier>(pooler, fresh_linear(model, classes, generator),
                                                    model.spec().width),
                       {.kind = OutputKind::kClassifier,
                        .classes = classes,
                        .labels = labels,
                        .pooler_width = pooler->out_features()});
}

TrainResult train_classifier(Model& model, const LabelledItems& train, const LabelledItems* dev,
                             const ClassifierTraining& settings, const TrainHooks& hooks) {
  if (model.output().reads() != Output::Reads::kSequences) {
    throw std::logic_error("this model's output reads no sequences; add a classifier first");
  }
  require_items_for(model, train);
  if (dev != nullptr) require_items_for(model, *dev);
  TrainTask task;
  if (!hooks.checkpoints.empty()) task.identity = identity_of(model, train, dev, settings);
  TrainedModel trained(model, settings.parameters);
  task.tensors = trained.tensors();
  task.items = train.count();
  task.loss = [&](std::span<const std::int64_t> items) { return loss_of(model, train, items); };
  if (dev != nullptr) {
    task.held_out = [&] {
      const ClassifierScore score = without_dropout(
          trained, [&] { return score_classifier(model, *dev, settings.loop.batch); });
      return settings.held_out == HeldOutMetric::kLoss ? score.loss : score.error_rate;
    };
  }
  TrainResult result = assay::train(task, settings.loop, hooks);
  trained.finish();
  return result;
}

ClassifierScore score_classifier(const Model& model, const LabelledItems& items,
                                 std::int64_t batch) {
  const at::NoGradGuard guard;
  std::vector<std::int64_t> all(static_cast<std::size_t>(items.count()));
  std::iota(all.begin(), all.end(), 0);
  ClassifierScore sum;
  for (std::int64_t begin = 0; begin < items.count(); begin += batch) {
    const auto part =
        std::span(all).subspan(static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(std::min(batch, items.count() - begin)));
    const at::Tensor scores = model.sequence_logits(pack_items(items, part, model.device()));
    const at::Tensor labels = labels_of(items, part, model.device());
    sum.loss += cross_entropy(scores, labels).item<double>() * static_cast<double>(part.size());
    sum.error_rate += scores.argmax(1).ne(labels).sum().item<double>();
  }
  const auto count = static_cast<double>(items.count());
  return {sum.loss / count, sum.error_rate / count};
}

}  // namespace assay
