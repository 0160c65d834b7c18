#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <stdexcept>

#include "harness/base/cell_errors.h"
#include "harness/contextual/predictor_training.h"
#include "harness/model/tensor_hash.h"
#include "harness/train/losses.h"

namespace assay {
namespace {

struct Judgement {
  PredictionHits hits;
  double loss = 0;
};

class DejaVuTask {
 public:
  DejaVuTask(const Predictor& predictor, const at::Tensor& inputs, const BinaryLabels& labels,
             const DejaVuTraining& settings)
      : predictor_(predictor),
        inputs_(inputs),
        labels_(labels),
        settings_(settings),
        split_(split_rows(all_rows(inputs.size(0)), settings.held_out_share, settings.split,
                          settings.seed)),
        train_rows_(index_of(split_.train)) {}

  [[nodiscard]] const RowSplit& split() const { return split_; }
  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const;
  [[nodiscard]] Judgement judge_held_out() const;
  [[nodiscard]] double held_out_value() const;
  [[nodiscard]] Json identity() const;
  void require_positives(const std::string& training) const;

 private:
  struct Batch {
    at::Tensor scores, labels;
  };
  [[nodiscard]] Batch run(const at::Tensor& which) const;
  [[nodiscard]] bool any_positive(const std::vector<std::int64_t>& rows) const;

  const Predictor& predictor_;
  const at::Tensor& inputs_;
  const BinaryLabels& labels_;
  const DejaVuTraining& settings_;
  const RowSplit split_;
  const at::Tensor train_rows_;  ///< int64, of split_
};

DejaVuTask::Batch DejaVuTask::run(const at::Tensor& which) const {
  const at::Device device = predictor_device(predictor_);
  const at::Tensor rows = inputs_.index_select(0, which.to(inputs_.device())).to(device);
  return {predictor_.forward(rows), labels_.of_rows(which).to(device)};
}

at::Tensor DejaVuTask::loss(std::span<const std::int64_t> items) const {
  const Batch batch = run(train_rows_.index_select(0, index_of(items)));
  return dejavu_loss(batch.scores, batch.labels, settings_.negative_weight);
}

/// The loss is that of training, batches weighing by their rows.
Judgement DejaVuTask::judge_held_out() const {
  const at::NoGradGuard guard;
  Judgement all;
  for_each_part(split_.held_out, settings_.batch, [&](std::span<const std::int64_t> rows) {
    const Batch batch = run(index_of(rows));
    const at::Tensor loss = dejavu_loss(batch.scores, batch.labels, settings_.negative_weight);
    all.hits += hits_at_threshold(batch.scores, batch.labels);
    all.loss += loss.item<double>() * static_cast<double>(rows.size()) /
                static_cast<double>(split_.held_out.size());
  });
  return all;
}

double DejaVuTask::held_out_value() const {
  const Judgement found = judge_held_out();
  return settings_.select_by == SelectBy::kRecall ? 1 - found.hits.recall() : found.loss;
}

bool DejaVuTask::any_positive(const std::vector<std::int64_t>& rows) const {
  bool found = false;
  for_each_part(rows, settings_.batch, [&](std::span<const std::int64_t> part) {
    found = found || labels_.of_rows(index_of(part)).any().item<bool>();
  });
  return found;
}

void DejaVuTask::require_positives(const std::string& training) const {
  if (!any_positive(split_.train)) {
    throw DoesNotApply(
        fmt::format("{}: no label of {} rows is 1, so that there is nothing to learn", training,
                    split_.train.size()));
  }
  if (settings_.select_by != SelectBy::kRecall || split_.held_out.empty() ||
      any_positive(split_.held_out)) {
    return;
  }
  throw DoesNotApply(fmt::format(
      "{}: no label of {} held-out rows is 1, so that there is no recall to select by; select by "
      "loss, or hold out others",
      training, split_.held_out.size()));
}

Json DejaVuTask::identity() const {
  return {{"what", "dejavu_predictor"},
          {"form", to_json(predictor_.form())},
          {"inputs", tensor_hash(inputs_)},
          {"labels", tensor_hash(labels_.tensor())},
          {"outputs", labels_.outputs()},
          {"negative_weight", settings_.negative_weight},
          {"held_out_share", settings_.held_out_share},
          {"split", settings_.split == SplitBy::kRandom ? "random" : "position"},
          {"select_by", settings_.select_by == SelectBy::kRecall ? "recall" : "loss"}};
}

TrainSettings loop_of(const DejaVuTraining& settings) {
  TrainSettings loop;
  loop.epochs = settings.epochs;
  loop.batch = settings.batch;
  loop.learning_rate = settings.learning_rate;
  loop.schedule = Schedule::kConstant;
  loop.warmup = 0;
  loop.clip = 0;
  loop.seed = settings.seed;
  loop.patience = settings.patience;
  // Computed as the held-out value is, so that a recall of just this does not end it.
  if (settings.select_by == SelectBy::kRecall) loop.stop_below = 1 - settings.enough_recall;
  return loop;
}

void require_matching(const Predictor& predictor, const at::Tensor& inputs,
                      const BinaryLabels& labels) {
  const bool fine = inputs.dim() == 2 && inputs.size(0) == labels.rows() &&
                    inputs.size(1) == predictor.form().inputs &&
                    labels.outputs() == predictor.form().outputs;
  if (!fine) throw std::logic_error("inputs or labels that do not fit the predictor");
}

}  // namespace

DejaVuTraining dejavu_neuron_training() { return {}; }

DejaVuTraining dejavu_head_training() { return {.learning_rate = 1e-4, .negative_weight = 0}; }

at::Tensor dejavu_element_weights(const at::Tensor& labels, double negative_weight) {
  const at::Tensor y = labels.to(at::kFloat);
  const at::Tensor w = y.mean().add(negative_weight);
  return y.mul(w.neg().add(1)).add(w);
}

at::Tensor dejavu_loss(const at::Tensor& scores, const at::Tensor& labels, double negative_weight) {
  BinaryWeights weights;
  weights.element = dejavu_element_weights(labels, negative_weight);
  return binary_cross_entropy(scores, labels, weights);
}

DejaVuFit train_dejavu(Predictor& predictor, const at::Tensor& inputs, const BinaryLabels& labels,
                       const DejaVuTraining& settings, const TrainHooks& hooks) {
  require_matching(predictor, inputs, labels);
  require_finite_rows(inputs, hooks.name);
  const DejaVuTask data(predictor, inputs, labels, settings);
  data.require_positives(hooks.name);
  const auto rows = static_cast<std::int64_t>(data.split().train.size());
  warn_of_few_rows(rows, predictor, hooks);
  const bool holds_out = !data.split().held_out.empty();
  const TrainedPredictor trained(predictor, settings.weight_decay);
  TrainTask task;
  task.tensors = trained.tensors();
  task.items = rows;
  task.loss = [&](std::span<const std::int64_t> items) { return data.loss(items); };
  if (holds_out) task.held_out = [&] { return data.held_out_value(); };
  if (!hooks.checkpoints.empty()) task.identity = data.identity();
  DejaVuFit fit{.training = train(task, loop_of(settings), hooks), .rows = rows};
  if (!holds_out) return fit;
  const Judgement found = data.judge_held_out();
  fit.held_out = found.hits;
  fit.held_out_loss = found.loss;
  return fit;
}

}  // namespace assay
