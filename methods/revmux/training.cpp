#include "methods/revmux/training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <span>

#include "harness/model/mixing_input.h"
#include "harness/train/classifier.h"
#include "harness/train/item_batches.h"
#include "harness/train/loss_curve.h"
#include "harness/train/losses.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"
#include "harness/train/training_forms.h"
#include "harness/train/training_params.h"
#include "methods/revmux/losses.h"
#include "methods/revmux/rev_model.h"
#include "methods/revmux/settings.h"

namespace assay::revmux {
namespace {

class Training {
 public:
  Training(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        shape_(rev_shape(params, model.layer_count())),
        settings_(settings_from(params, context.seed())),
        teacher_(model),
        model_(model.clone()) {
    const LabelledItems& items = context.training();
    fresh_head_ = ensure_classifier(model_, items.label_names, context.seed());
    labels_ = items.label_names;
    multiplex(model_, shape_, context.seed()).watch(&pass_);
    settings_.parameters.trains = [this](const Parameter& parameter) { return trains(parameter); };
    require_items_for(model_, items);
    items_ = split_items(items, settings_.dev_share, context.seed());
    remark_on_groups(context, settings_.loop.batch, shape_.instances);
  }

  Artefact run() {
    TrainedModel trained(model_, settings_.parameters);
    TrainTask task;
    task.tensors = trained.tensors();
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
    return artefact();
  }

 private:
  [[nodiscard]] bool trains(const Parameter& parameter) const {
    if (is_adapter(parameter)) return true;
    return is_head(parameter) ? settings_.tune_head || fresh_head_ : settings_.tune_backbone;
  }

  [[nodiscard]] Json identity() const {
    return {{"what", "revmux"},
            {"model", teacher_.content_hash()},
            {"start", model_.content_hash()},
            {"items", items_.train.content_hash()},
            {"dev", items_.dev ? items_.dev->content_hash() : ""},
            {"shape", plan_of(shape_).at("shape")},
            {"tune_head", settings_.tune_head},
            {"tune_backbone", settings_.tune_backbone},
            {"contrast_weight", settings_.contrast_weight},
            {"temperature", settings_.temperature},
            {"cosine_weight", settings_.cosine_weight},
            {"dropout", settings_.parameters.dropout}};
  }

  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const {
    const PackedTokens packed = pack_items(items_.train, items, model_.device());
    const at::Tensor first = output_input(model_, model_.hidden_packed(packed), packed);
    // What filled the last group up is left out.
    const at::Tensor scores = model_.logits(first).narrow(0, 0, std::ssize(items));
    at::Tensor sum = cross_entropy(scores, labels_of(items_.train, items, model_.device()));
    if (settings_.contrast_weight > 0) {
      const at::Tensor apart = output_of(model_).features(first).narrow(0, 0, std::ssize(items));
      sum = sum +
            settings_.contrast_weight * contrast_loss(apart, taught(packed), settings_.temperature);
    }
    if (settings_.cosine_weight > 0) sum = sum + settings_.cosine_weight * likeness(pass_);
    return sum;
  }

  [[nodiscard]] at::Tensor taught(const PackedTokens& packed) const {
    const at::NoGradGuard no_grad;
    return output_input(teacher_, teacher_.hidden_packed(packed), packed);
  }

  /// All that trains; the rest is the model's own.
  [[nodiscard]] Artefact artefact() const {
    Artefact made{.plan = plan_of(shape_), .tensors = {}};
    if (fresh_head_) made.plan[kLabels] = labels_;
    for (const Parameter& parameter : model_.parameters()) {
      if (!trains(parameter)) continue;
      made.tensors[parameter.name] =
          parameter.tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    }
    return made;
  }

  FitContext& context_;
  RevShape shape_;
  Settings settings_;
  const Model& teacher_;
  Model model_;
  mux::RevMuxPass pass_;  ///< the model's latest
  bool fresh_head_ = false;
  std::vector<std::string> labels_;
  SplitItems items_;
};

}  // namespace

Artefact learn(const Model& model, FitContext& context, const Params& params) {
  return Training(model, context, params).run();
}

}  // namespace assay::revmux
