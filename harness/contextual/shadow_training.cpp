#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <stdexcept>

#include "harness/contextual/predictor_training.h"
#include "harness/model/tensor_hash.h"
#include "harness/train/losses.h"

namespace assay {
namespace {

/// Samples whose target is finite throughout.
std::vector<std::int64_t> usable_samples(const at::Tensor& targets) {
  std::vector<std::int64_t> usable;
  for (std::int64_t row = 0; row < targets.size(0); ++row) {
    if (at::isfinite(targets.select(0, row)).all().item<bool>()) usable.push_back(row);
  }
  return usable;
}

class ShadowTask {
 public:
  ShadowTask(const Predictor& predictor, const at::Tensor& inputs, const at::Tensor& targets,
             const ShadowTraining& settings, std::vector<std::int64_t> usable)
      : predictor_(predictor),
        inputs_(inputs),
        targets_(targets),
        settings_(settings),
        split_(split_rows(std::move(usable), settings.held_out_share, SplitBy::kRandom,
                          settings.seed)),
        train_rows_(index_of(split_.train)) {}

  [[nodiscard]] const RowSplit& split() const { return split_; }
  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const;
  void judge_held_out(ShadowFit& fit) const;
  [[nodiscard]] Json identity() const;

 private:
  struct Batch {
    at::Tensor found, wanted;
  };
  [[nodiscard]] Batch run(const at::Tensor& which) const;

  const Predictor& predictor_;
  const at::Tensor& inputs_;
  const at::Tensor& targets_;
  const ShadowTraining& settings_;
  const RowSplit split_;
  const at::Tensor train_rows_;  ///< int64, of split_
};

ShadowTask::Batch ShadowTask::run(const at::Tensor& which) const {
  const at::Device device = predictor_device(predictor_);
  const auto chosen = [&](const at::Tensor& all) {
    return all.index_select(0, which.to(all.device())).to(device, at::kFloat);
  };
  return {predictor_.forward(chosen(inputs_)), chosen(targets_)};
}

at::Tensor ShadowTask::loss(std::span<const std::int64_t> items) const {
  const Batch batch = run(train_rows_.index_select(0, index_of(items)));
  return mean_squared_error(batch.found, batch.wanted);
}

void ShadowTask::judge_held_out(ShadowFit& fit) const {
  const at::NoGradGuard guard;
  fit.held_out_rows = static_cast<std::int64_t>(split_.held_out.size());
  if (split_.held_out.empty()) return;
  std::vector<at::Tensor> found, wanted;
  for_each_part(split_.held_out, settings_.batch, [&](std::span<const std::int64_t> rows) {
    const Batch batch = run(index_of(rows));
    found.push_back(batch.found.cpu());
    wanted.push_back(batch.wanted.cpu());
  });
  const at::Tensor all_found = at::cat(found), all_wanted = at::cat(wanted);
  fit.held_out_loss = mean_squared_error(all_found, all_wanted).item<double>();
  fit.held_out = rank_correlation(all_found, all_wanted);
}

Json ShadowTask::identity() const {
  return {{"what", "shadowllm_predictor"},
          {"form", to_json(predictor_.form())},
          {"inputs", tensor_hash(inputs_)},
          {"targets", tensor_hash(targets_)},
          {"held_out_share", settings_.held_out_share}};
}

TrainSettings loop_of(const ShadowTraining& settings) {
  TrainSettings loop;
  loop.epochs = settings.epochs;
  loop.batch = settings.batch;
  loop.learning_rate = settings.learning_rate;
  loop.schedule = Schedule::kCosine;
  loop.warmup = 0;
  loop.clip = 0;
  loop.seed = settings.seed;
  return loop;
}

void require_matching(const Predictor& predictor, const at::Tensor& inputs,
                      const at::Tensor& targets) {
  const bool fine = inputs.dim() == 2 && targets.dim() == 2 && inputs.size(0) == targets.size(0) &&
                    inputs.size(1) == predictor.form().inputs &&
                    targets.size(1) == predictor.form().outputs;
  if (!fine) throw std::logic_error("inputs or targets that do not fit the predictor");
}

void warn_of_left_out(std::int64_t left_out, std::int64_t samples, const TrainHooks& hooks) {
  if (left_out == 0 || !hooks.warn) return;
  hooks.warn("predictor_left_out",
             fmt::format("{}: {} of {} samples were left out: their target is not finite, as that "
                         "of a layer whose scores are all equal",
                         hooks.name, left_out, samples));
}

}  // namespace

ShadowTraining shadow_head_training() { return {}; }

ShadowTraining shadow_neuron_training() {
  return {.epochs = 20, .batch = 16, .held_out_share = 0.1};
}

ShadowFit train_shadow(Predictor& predictor, const at::Tensor& inputs, const at::Tensor& targets,
                       const ShadowTraining& settings, const TrainHooks& hooks) {
  require_matching(predictor, inputs, targets);
  require_finite_rows(inputs, hooks.name);
  const std::vector<std::int64_t> usable = usable_samples(targets);
  const std::int64_t left_out = targets.size(0) - static_cast<std::int64_t>(usable.size());
  warn_of_left_out(left_out, targets.size(0), hooks);
  const ShadowTask data(predictor, inputs, targets, settings, usable);
  const auto rows = static_cast<std::int64_t>(data.split().train.size());
  warn_of_few_rows(rows, predictor, hooks);
  const TrainedPredictor trained(predictor, settings.weight_decay);
  TrainTask task;
  task.tensors = trained.tensors();
  task.items = rows;
  task.loss = [&](std::span<const std::int64_t> items) { return data.loss(items); };
  if (!hooks.checkpoints.empty()) task.identity = data.identity();
  ShadowFit fit{
      .training = train(task, loop_of(settings), hooks), .rows = rows, .left_out = left_out};
  data.judge_held_out(fit);
  return fit;
}

}  // namespace assay
