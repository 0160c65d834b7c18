#include <ATen/TensorOperators.h>

#include <algorithm>
#include <utility>

#include "harness/method/masks.h"
#include "harness/train/classifier.h"
#include "harness/train/item_batches.h"
#include "harness/train/loss_curve.h"
#include "harness/train/losses.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"
#include "harness/train/training_forms.h"
#include "methods/mux/multiplexed.h"
#include "methods/mux/stages.h"

namespace assay::mux_method {
namespace {

/// What the model has is filled from the warm-up's tensors, and the head from its own.
void take_warm_up(Model& model, mux::RetrievalTensors& head, const Artefact& warm) {
  if (warm.tensors.empty()) return;
  Artefact of_model;
  std::map<std::string, at::Tensor> of_head;
  for (const auto& [name, tensor] : warm.tensors) {
    (name.starts_with("retrieval.") ? of_head : of_model.tensors)[name] = tensor;
  }
  apply_pruned_weights(model, of_model);
  mux::visit_tensors(head, [&](const std::string& name, at::Tensor& tensor) {
    tensor = of_head.at(name).clone();
  });
}

/// What of the data a multiplexed model does not see.
void remark_on_data(FitContext& context, const LabelledItems& items, const MuxShape& shape,
                    std::int64_t batch) {
  const bool pairs = std::any_of(items.token_types.begin(), items.token_types.end(),
                                 [](std::uint8_t type) { return type != 0; });
  if (pairs) {
    context.warn("mux_segments_lost",
                 "the items are pairs of texts, and a multiplexed model is not told where the "
                 "second one begins (as released)");
  }
  remark_on_groups(context, batch, shape.instances);
}

class TaskTraining {
 public:
  TaskTraining(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        shape_(mux_shape(params)),
        ensemble_(params.get_bool("ensemble")),
        settings_(task_settings(params, context.seed())),
        before_(model),
        model_(model.clone()) {
    const LabelledItems& items = context.training();
    multiplex(model_, shape_, items.label_names, context.seed());
    head_ = fresh_retrieval(model_, shape_, context.seed());
    take_warm_up(model_, head_, context.input(kWarmUp));
    require_items_for(model_, items);
    require_room(items);
    items_ = split_items(items, settings_.dev_share, context.seed());
    remark_on_data(context, items, shape_, settings_.loop.batch);
  }

  Artefact run() {
    TrainedModel trained(
        model_,
        {.trains = trains, .weight_decay = settings_.weight_decay, .dropout = settings_.dropout});
    TrainTask task;
    task.tensors = trained.tensors();
    if (settings_.retrieval_weight > 0) add_head(task);
    task.items = items_.train.count();
    task.loss = [this](std::span<const std::int64_t> items) { return loss(items); };
    if (items_.dev) {
      task.held_out = [&] {
        return without_dropout(trained, [&] {
          return score_classifier(model_, *items_.dev, settings_.loop.batch).loss;
        });
      };
    }
    task.identity = identity();
    const TrainResult result = train(task, settings_.loop, hooks_of(context_));
    trained.finish();
    tell_training(context_, result);
    MuxShape applied = shape_;
    applied.ensemble = ensemble_;
    return {.plan = plan_of(applied, items_.train.label_names),
            .tensors = changed_parameters(before_, model_)};
  }

 private:
  void require_room(const LabelledItems& items) const {
    std::int64_t longest = 0;
    for (std::int64_t i = 0; i < items.count(); ++i) longest = std::max(longest, items.length(i));
    input_of(model_).require_room(longest);
  }

  [[nodiscard]] Json identity() const {
    return {{"what", "mux_task"},
            {"model", model_.content_hash()},
            {"items", items_.train.content_hash()},
            {"dev", items_.dev ? items_.dev->content_hash() : ""},
            {"shape", plan_of(shape_, {}).at("shape")},
            {"retrieval_weight", settings_.retrieval_weight},
            {"share", settings_.share},
            {"dropout", settings_.dropout}};
  }

  void add_head(TrainTask& task) {
    mux::visit_tensors(head_, [&](const std::string& name, at::Tensor& tensor) {
      tensor = tensor.to(model_.device()).requires_grad_(true);
      task.tensors.push_back({.name = name, .tensor = tensor});
    });
  }

  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const {
    const PackedTokens packed = pack_items(items_.train, items, model_.device());
    const at::Tensor labels = labels_of(items_.train, items, model_.device());
    if (settings_.retrieval_weight == 0) {
      return cross_entropy(model_.sequence_logits(packed), labels);
    }
    const at::Tensor tokens = input_of(model_).grouped_tokens(packed);
    const at::Tensor rows = model_.hidden_packed(packed);
    const at::Tensor scores =
        model_.logits(output_input(model_, rows, packed)).narrow(0, 0, std::ssize(items));
    return (1 - settings_.retrieval_weight) * cross_entropy(scores, labels) +
           settings_.retrieval_weight *
               retrieval_loss(model_, head_, rows, tokens, settings_.share);
  }

  FitContext& context_;
  MuxShape shape_;
  bool ensemble_ = false;
  Task settings_;
  const Model& before_;
  Model model_;
  mux::RetrievalTensors head_;
  SplitItems items_;
};

}  // namespace

Artefact learn_task(const Model& model, FitContext& context, const Params& params) {
  return TaskTraining(model, context, params).run();
}

}  // namespace assay::mux_method
