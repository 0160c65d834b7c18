#include "harness/train/trained_model.h"

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <stdexcept>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/train/lora.h"

namespace assay {
namespace {

bool decays(const Parameter& parameter) {
  if (!parameter.id) return parameter.tensor.dim() > 1;
  return !parameter.id->bias && slot_info(parameter.id->slot).kind != SlotKind::kNorm;
}

bool owns_its_memory(const at::Tensor& tensor) {
  return !tensor.is_inference() && tensor.is_contiguous() &&
         tensor.storage().nbytes() == tensor.nbytes();
}

void require_fp32(const Parameter& parameter) {
  if (parameter.tensor.scalar_type() == at::kFloat) return;
  if (!parameter.id) {
    throw DoesNotApply(fmt::format(
        "training changes weights in fp32, and a method before this one left {} as {}; train "
        "first, or leave one of them out",
        parameter.name, c10::toString(parameter.tensor.scalar_type())));
  }
  throw DoesNotApply(fmt::format(
      "training is done in fp32, and {} of this model is {}; choose a profile with dtype fp32",
      parameter.name, c10::toString(parameter.tensor.scalar_type())));
}

bool is_layer_matrix(const Parameter& parameter) {
  if (!parameter.id || parameter.id->bias) return false;
  const SlotInfo& info = slot_info(parameter.id->slot);
  return info.of_layer() && info.kind == SlotKind::kLinear;
}

/// Without a gradient AdamW's moments stay zero, and so does the step; decay of zero is zero.
void hold_zeros(const at::Tensor& tensor) {
  const at::Tensor kept = tensor.detach().ne(0);
  if (kept.all().item<bool>()) return;
  tensor.register_hook([kept](const at::Tensor& gradient) { return gradient.mul(kept); });
}

}  // namespace

TrainedModel::TrainedModel(Model& model, const ParameterSettings& settings)
    : model_(model), dropout_(settings.dropout) {
  const c10::InferenceMode plain(false);
  model.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    const Parameter parameter{parameter_from_name(name), name, tensor};
    const bool trains = !settings.trains || settings.trains(parameter);
    if (trains) require_fp32(parameter);
    // Frozen ones too: autograd takes no tensors of inference mode.
    if (!owns_its_memory(tensor)) tensor = copy_on_large_pages(tensor.detach());
    tensor.requires_grad_(trains);
    if (!trains) return;
    if (settings.keep_zeros && is_layer_matrix(parameter)) hold_zeros(tensor);
    tensors_.push_back({name, tensor, decays(parameter) ? settings.weight_decay : 0,
                        settings.rate_factor ? settings.rate_factor(parameter) : 1});
  });
  if (tensors_.empty()) throw std::logic_error("no parameter of the model was chosen to train");
  use_dropout(true);
}

TrainedModel::~TrainedModel() { end(); }

void TrainedModel::use_dropout(bool on) {
  model_.use_dropout(on && dropout_);
  use_lora_dropout(model_, on && dropout_);
}

void TrainedModel::end() {
  use_dropout(false);
  for (const TrainedTensor& trained : tensors_) {
    trained.tensor.mutable_grad().reset();
    at::Tensor(trained.tensor).requires_grad_(false);
  }
}

void TrainedModel::finish() {
  const c10::InferenceMode plain(false);
  end();
  model_.fuse();
}

}  // namespace assay
