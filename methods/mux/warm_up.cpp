#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/packed_sequences.h"
#include "harness/model/tensor_hash.h"
#include "harness/train/loss_curve.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"
#include "harness/train/training_forms.h"
#include "methods/mux/multiplexed.h"
#include "methods/mux/stages.h"

namespace assay::mux_method {
namespace {

/// Sequences at these places, back to back.
PackedTokens chosen_sequences(const at::Tensor& sequences, std::span<const std::int64_t> items) {
  std::vector<at::Tensor> rows;
  for (const std::int64_t item : items) rows.push_back(sequences[item]);
  return pack_sequences(rows);
}

/// The texts [samples, tokens] without their last tokens, which the prefix replaces as in the
/// released pre-training: sequences keep their length.
at::Tensor texts_behind_prefix(const at::Tensor& texts, const MuxShape& shape) {
  if (shape.demux != Demux::kPrefix) return texts;
  const std::int64_t prefix = mux::prefix_length(shape.instances), length = texts.size(1);
  if (length <= prefix) {
    throw DoesNotApply(fmt::format(
        "a prefix of {} tokens leaves nothing of calibration texts of {}; take longer ones, or "
        "lower instances",
        prefix, length));
  }
  return texts.narrow(1, 0, length - prefix).contiguous();
}

class Retrieval {
 public:
  Retrieval(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        shape_(mux_shape(params)),
        sequences_(texts_behind_prefix(context.calibration(), shape_).to(model.device())),
        settings_(warm_up_settings(params, context.seed(), sequences_.size(0))),
        before_(model),
        model_(model.clone()) {
    multiplex(model_, shape_, {}, context.seed());
    head_ = fresh_retrieval(model_, shape_, context.seed());
  }

  Artefact run() {
    TrainedModel trained(model_, {.trains = trains, .dropout = false});
    TrainTask task;
    task.tensors = trained.tensors();
    add_head(task);
    task.items = sequences_.size(0);
    task.loss = [this](std::span<const std::int64_t> items) { return loss(items); };
    task.identity = {{"what", "mux_warm_up"},
                     {"model", before_.content_hash()},
                     {"sequences", tensor_hash(sequences_)},
                     {"shape", plan_of(shape_, {}).at("shape")},
                     {"key_norm", shape_.key_norm},
                     {"share", settings_.share}};
    const TrainResult result = train(task, settings_.loop, hooks_of(context_, "warm_up"));
    trained.finish();
    context_.metric("warm_up/steps", static_cast<double>(result.steps));
    context_.metric("warm_up/seconds", result.seconds);
    if (!result.curve.empty()) context_.metric("warm_up/loss", result.curve.back().loss);
    context_.metric("warm_up/retrieval_accuracy", accuracy());
    return artefact();
  }

 private:
  void add_head(TrainTask& task) {
    mux::visit_tensors(head_, [&](const std::string& name, at::Tensor& tensor) {
      tensor = tensor.to(model_.device()).requires_grad_(true);
      task.tensors.push_back({.name = name, .tensor = tensor});
    });
  }

  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const {
    const PackedTokens packed = chosen_sequences(sequences_, items);
    const at::Tensor rows = model_.hidden_packed(packed);
    return retrieval_loss(model_, head_, rows, input_of(model_).grouped_tokens(packed),
                          settings_.share);
  }

  /// Of every position's drawn instance, in the first batch of the text.
  [[nodiscard]] double accuracy() const {
    const at::NoGradGuard no_grad;
    std::vector<std::int64_t> items;
    for (std::int64_t i = 0; i < std::min(settings_.loop.batch, sequences_.size(0)); ++i) {
      items.push_back(i);
    }
    const PackedTokens packed = chosen_sequences(sequences_, items);
    const mux::MuxInput& input = input_of(model_);
    const at::Tensor tokens = input.grouped_tokens(packed);
    const mux::RetrievalQuestions asked =
        mux::draw_questions(tokens, input.form().pad_token, 1, input.prefixed());
    const at::Tensor scores =
        answers(model_, head_, model_.hidden_packed(packed), tokens.size(2), asked);
    return scores.argmax(1).eq(asked.targets).to(at::kDouble).mean().item<double>();
  }

  [[nodiscard]] Artefact artefact() {
    Artefact made;
    made.tensors = changed_parameters(before_, model_);
    mux::visit_tensors(head_, [&](const std::string& name, at::Tensor& tensor) {
      made.tensors[name] = tensor.detach().cpu().contiguous();
    });
    return made;
  }

  FitContext& context_;
  MuxShape shape_;
  at::Tensor sequences_;
  WarmUp settings_;
  const Model& before_;
  Model model_;
  mux::RetrievalTensors head_;
};

}  // namespace

Artefact warm_up(const Model& model, FitContext& context, const Params& params) {
  if (params.get_int("retrieval_steps") == 0) return {};
  return Retrieval(model, context, params).run();
}

}  // namespace assay::mux_method
