#include "methods/shadowllm/layer_choice.h"

#include <fmt/format.h>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/highest.h"

namespace assay::shadowllm {
namespace {

[[noreturn]] void run_alone(std::int64_t layer) {
  throw DoesNotApply(fmt::format(
      "what is chosen is predicted from layer {}, which has not run: a layer is run alone here",
      layer));
}

}  // namespace

void LayerContexts::put(std::int64_t layer, const at::Tensor& context) {
  std::erase_if(contexts_, [layer](const auto& entry) { return entry.first < layer - 1; });
  contexts_[layer] = context;
}

const at::Tensor& LayerContexts::at(std::int64_t layer) const {
  const auto found = contexts_.find(layer);
  if (found == contexts_.end()) run_alone(layer);
  return found->second;
}

void LayerReader::read(const at::Tensor& context, const StepContext& step) const {
  if (step.state != nullptr) step.state->of<LayerContexts>(owner_.get()).put(step.layer, context);
}

at::Tensor LayerChooser::choose(const ChoiceInput& input, const StepContext& step) const {
  const bool own = looks_at_ == LooksAt::kOwnContext;
  if (!own && step.state == nullptr) run_alone(from_);
  const at::Tensor& rows =
      own ? input.values : step.state->of<LayerContexts>(owner_.get()).at(from_);
  return highest(predictor_->forward(rows), count_);
}

}  // namespace assay::shadowllm
