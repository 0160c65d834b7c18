#include "methods/shadowllm/shadow_choice.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/highest.h"

namespace assay::shadowllm {
namespace {

at::Tensor of_each_layer(const AllLayers& all, const at::Tensor& scores) {
  std::vector<at::Tensor> masks;
  for (const at::Tensor& layer : scores.split_with_sizes(all.units, 1)) {
    const std::int64_t units = layer.size(1);
    masks.push_back(highest(layer, units == 0 ? 0 : count_of_density(all.density, units)));
  }
  return at::cat(masks, 1);
}

/// One row after the other: floors make a choice of each layer depend on all others.
at::Tensor with_floors(const AllLayers& all, const at::Tensor& scores) {
  const ChoiceSettings settings{.style = all.style,
                                .drop = 1 - all.density,
                                .floor = all.floor,
                                .compat_floor = all.compat_floor,
                                .dense_first_layer = false};
  std::vector<at::Tensor> rows;
  for (const at::Tensor& row : scores.to(at::kCPU).unbind(0)) {
    rows.push_back(at::cat(choose(row.split_with_sizes(all.units, 0), settings).kept));
  }
  return at::stack(rows).to(scores.device());
}

std::optional<SitePrediction> shared(const std::optional<SitePrediction>& site) {
  if (!site) return std::nullopt;
  return SitePrediction{site->predictor->share(), site->all};
}

const SitePrediction* address(const std::optional<SitePrediction>& site) {
  return site ? &*site : nullptr;
}

}  // namespace

at::Tensor masks_of(const AllLayers& all, const at::Tensor& scores) {
  switch (all.style) {
    case ChoiceStyle::kGlobal:
      return highest(scores, count_of_density(all.density, scores.size(1)));
    case ChoiceStyle::kPerLayer:
      return of_each_layer(all, scores);
    default:
      return with_floors(all, scores);
  }
}

void ShadowMasks::begin(const SitePrediction* heads, const SitePrediction* neurons,
                        const at::Tensor& context) {
  heads_ = {heads, {}};
  neurons_ = {neurons, {}};
  context_ = context;
}

const at::Tensor& ShadowMasks::of(RoutingSite site) {
  Site& wanted = site == RoutingSite::kHeads ? heads_ : neurons_;
  if (wanted.prediction == nullptr) {
    throw DoesNotApply(
        "what a layer runs is predicted in the first one, and a layer that is run alone has none");
  }
  if (!wanted.masks.defined()) {
    wanted.masks =
        masks_of(wanted.prediction->all, wanted.prediction->predictor->forward(context_));
  }
  return wanted.masks;
}

void ShadowReader::read(const at::Tensor& context, const StepContext& step) const {
  if (step.state == nullptr) {
    throw DoesNotApply("later layers run what the first one predicts, and it is run alone here");
  }
  step.state->of<ShadowMasks>(owner_.get()).begin(address(heads_), address(neurons_), context);
}

void ShadowReader::visit_tensors(const VisitTensor& visit) {
  if (heads_) heads_->predictor->visit_tensors(visit_part(visit, "heads."));
  if (neurons_) neurons_->predictor->visit_tensors(visit_part(visit, "neurons."));
}

Cost ShadowReader::cost() const {
  Cost cost;
  if (heads_) cost += heads_->predictor->cost();
  if (neurons_) cost += neurons_->predictor->cost();
  return cost;
}

std::unique_ptr<ContextReader> ShadowReader::share() const {
  return std::make_unique<ShadowReader>(shared(heads_), shared(neurons_), owner_);
}

at::Tensor ShadowChooser::choose(const ChoiceInput& /*input*/, const StepContext& step) const {
  if (step.state == nullptr) {
    throw DoesNotApply("what a layer runs is predicted in the first one, and it is run alone here");
  }
  return step.state->of<ShadowMasks>(owner_.get()).of(site_).narrow(1, first_, units_);
}

}  // namespace assay::shadowllm
