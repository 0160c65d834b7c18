#include <ATen/core/grad_mode.h>

#include <utility>
#include <vector>

#include "harness/subnetwork/network_artefact.h"
#include "harness/train/item_batches.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"
#include "harness/train/training_forms.h"
#include "methods/cofi/distillation.h"
#include "methods/cofi/settings.h"
#include "methods/cofi/stages.h"

namespace assay::cofi {
namespace {

struct Finetuning {
  const Model& teacher;
  const Model& student;
  const LabelledItems& items;
  const DenseLinear& transform;
  subnetwork::SubNetwork network;  ///< the student, as a part of the teacher
  DistillationSettings distillation;

  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> which) const {
    const PackedTokens packed = pack_items(items, which, student.device());
    const auto taught = [&] {
      const at::NoGradGuard no_grad;
      return pass_with_layers(teacher, packed);
    };
    return cofi::distillation(pass_with_layers(student, packed), taught(),
                              subnetwork::layer_numbers(network),
                              transform_of(transform, network.dimensions), distillation);
  }
};

}  // namespace

Artefact finetune(const Model& model, FitContext& context, const Params& params) {
  Artefact artefact = context.input(kPrune);
  const FinetuneSettings settings = finetune_settings(params, context.seed());
  if (settings.loop.epochs == 0) return artefact;
  Model student = model.clone();
  subnetwork::apply_network(student, artefact);
  const Model pruned = student.clone();
  DenseLinear transform = start_transform(model.spec().width);
  TrainTask task;
  TrainedModel trained(
      student, {.trains = trained_parameters(params), .weight_decay = settings.weight_decay});
  task.tensors = trained.tensors();
  transform.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    tensor.requires_grad_(true);
    task.tensors.push_back({.name = "transform." + name, .tensor = tensor});
  });
  const Finetuning tuning{model,
                          student,
                          context.training(),
                          transform,
                          subnetwork::network_of(model.spec(), artefact),
                          distillation_settings(params)};
  task.items = tuning.items.count();
  task.loss = [&](std::span<const std::int64_t> which) { return tuning.loss(which); };
  task.identity = {{"what", "cofi_finetune"},
                   {"model", pruned.content_hash()},
                   {"teacher", model.content_hash()},
                   {"items", tuning.items.content_hash()},
                   {"freeze", params.get_text("freeze")},
                   {"layer_weight", tuning.distillation.layer_weight},
                   {"label_weight", tuning.distillation.label_weight},
                   {"temperature", tuning.distillation.temperature},
                   {"alignment", static_cast<int>(tuning.distillation.alignment)}};
  const TrainResult result = train(task, settings.loop, hooks_of(context, "finetune"));
  trained.finish();
  context.metric("finetune/steps", static_cast<double>(result.steps));
  if (!result.curve.empty()) context.metric("finetune/loss", result.curve.back().loss);
  for (auto& [name, tensor] : changed_parameters(pruned, student)) artefact.tensors[name] = tensor;
  return artefact;
}

}  // namespace assay::cofi
