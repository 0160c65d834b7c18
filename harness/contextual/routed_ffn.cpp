#include "harness/contextual/routed_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones_like.h>

#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/choice_quality.h"
#include "harness/model/kernels/gathered.h"
#include "harness/model/kernels/highest.h"

namespace assay {
namespace {

const DenseLinear* dense_slot(const StandardFfn& ffn, Slot slot) {
  return dynamic_cast<const DenseLinear*>(ffn.linear(slot));
}

/// x W^T + b of the selected rows of W, f32 [neurons] of which the first count are meant.
at::Tensor selected_neurons(const DenseLinear& linear, const at::Tensor& x,
                            const Selection& selection) {
  return gathered_product(x, linear.weight(), linear.bias(), selection);
}

}  // namespace

RoutedFfn::RoutedFfn(std::unique_ptr<StandardFfn> dense, std::unique_ptr<Chooser> chooser,
                     const Routing& routing)
    : dense_(std::move(dense)), chooser_(std::move(chooser)), routing_(routing) {
  if (!chooser_ || routing_.runs_all) return;
  if (const auto* down = dense_slot(*dense_, Slot::kDown)) {
    dense_->replace_linear(Slot::kDown, std::make_unique<InputMajorLinear>(*down));
  }
}

const InputMajorLinear& RoutedFfn::down() const {
  return static_cast<const InputMajorLinear&>(*dense_->linear(Slot::kDown));
}

std::int64_t RoutedFfn::neurons() const { return dense_->linear(Slot::kUp)->out_features(); }

at::Tensor RoutedFfn::forward(const at::Tensor& rows, StepContext& step) const {
  if (routing_.keeps_streams && step.state != nullptr && step.stream.defined()) {
    streams_of(step, routing_.owner.get()).put({step.layer, RoutingSite::kNeurons}, step.stream);
  }
  if (!chooser_) return dense_->forward(rows, step);
  if (routing_.runs_all) return whole(rows, step);
  step.record(Tap::kFfnInput, rows);
  if (!gathers(step, rows) || chooser_->needs_values()) return masked(rows, step);
  const at::Tensor masks = masks_for(rows, {}, step);
  tell(step, masks);
  return gathered(rows, masks);
}

at::Tensor RoutedFfn::masks_for(const at::Tensor& rows, const at::Tensor& values,
                                const StepContext& step) const {
  const auto found = [&] { return chooser_->choose({rows, values}, step); };
  const at::Tensor masks =
      ruled(routing_, step, masks_by_source(routing_.source, this, step, neurons(), found));
  return step.routing == nullptr ? masks : step.routing->settle(step, RoutingSite::kNeurons, masks);
}

at::Tensor RoutedFfn::whole(const at::Tensor& rows, StepContext& step) const {
  at::Tensor values;
  if (chooser_->needs_values()) values = dense_->middle(rows, step);
  const at::Tensor masks = masks_for(rows, values, step);
  tell(step, at::ones_like(masks));
  return dense_->forward(rows, step);
}

at::Tensor RoutedFfn::masked(const at::Tensor& rows, StepContext& step) const {
  const at::Tensor values = dense_->middle(rows, step);
  const at::Tensor masks = masks_for(rows, values, step);
  tell(step, masks);
  tell_quality(step, values, masks);
  const at::Tensor left = values.mul(masks);
  step.record(Tap::kDownInput, left);
  return down().forward(left);
}

at::Tensor RoutedFfn::gathered(const at::Tensor& rows, const at::Tensor& masks) const {
  std::vector<at::Tensor> outputs;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    outputs.push_back(gathered_row(rows.select(0, i), masks.select(0, i)).unsqueeze(0));
  }
  return (outputs.size() == 1 ? outputs.front() : at::cat(outputs)).to(rows.scalar_type());
}

at::Tensor RoutedFfn::gathered_row(const at::Tensor& row, const at::Tensor& mask) const {
  const Selection chosen = selection_of(mask);
  const DenseLinear* gate = dense_slot(*dense_, Slot::kGate);
  const DenseLinear& up = *dense_slot(*dense_, Slot::kUp);
  at::Tensor values = selected_neurons(gate != nullptr ? *gate : up, row, chosen);
  values = activate(std::move(values), dense_->activation());
  if (gate != nullptr) values.mul_(selected_neurons(up, row, chosen));
  return down().forward_selected(values, chosen);
}

void RoutedFfn::tell(const StepContext& step, const at::Tensor& masks) const {
  if (step.observer == nullptr) return;
  const at::Tensor counts = masks.sum(1).to(at::kFloat);
  const Cost one = of_a_neuron();
  step.observer->observe(step.layer, kNeuronShare, counts.div(static_cast<double>(neurons())));
  step.observer->observe(step.layer, kTouchedBytes,
                         counts.mul(static_cast<double>(one.touched_bytes)));
  step.observer->observe(step.layer, kFlopsPerToken,
                         counts.mul(static_cast<double>(one.flops_per_token)));
}

void RoutedFfn::tell_quality(const StepContext& step, const at::Tensor& values,
                             const at::Tensor& masks) const {
  if (step.observer == nullptr) return;
  const bool relu = dense_->activation() == ActivationKind::kRelu;
  const at::Tensor mattered = relu ? values.ne(0) : largest_as_many(values.abs(), masks);
  const ChoiceQuality quality = choice_quality(mattered, masks);
  step.observer->observe(step.layer, kNeuronRecall, quality.recall);
  step.observer->observe(step.layer, kNeuronPrecision, quality.precision);
}

/// Everything but down's bias is a neuron's.
Cost RoutedFfn::of_a_neuron() const {
  Cost one = dense_->cost();
  const at::Tensor bias =
      routing_.runs_all ? dense_slot(*dense_, Slot::kDown)->bias() : down().bias();
  const Cost shared = tensor_cost(bias);
  const std::int64_t additions = bias.defined() ? bias.numel() : 0;
  one.touched_bytes = (one.touched_bytes - shared.touched_bytes) / neurons();
  one.flops_per_token = (one.flops_per_token - additions) / neurons();
  return one;
}

Cost RoutedFfn::cost() const {
  Cost cost = dense_->cost();
  if (!chooser_) return cost;
  const Cost one = of_a_neuron();
  cost.touched_bytes -= one.touched_bytes * neurons();
  cost.flops_per_token -= one.flops_per_token * neurons();
  cost += chooser_->cost();
  return cost;
}

Linear* RoutedFfn::linear(Slot slot) const { return dense_->linear(slot); }

void RoutedFfn::replace_linear(Slot, std::unique_ptr<Linear>) {
  throw DoesNotApply(
      "the neurons of this block are chosen token by token from dense matrices, and a method "
      "behind would replace them; apply that one first, or leave one of the two out");
}

void RoutedFfn::visit_tensors(const VisitTensor& visit) {
  dense_->visit_tensors(visit);
  if (chooser_) chooser_->visit_tensors(visit_part(visit, "chooser."));
}

DenseForm RoutedFfn::dense_form() const {
  if (!chooser_) return dense_->dense_form();
  DenseForm form;
  form.impossible = "a block whose neurons are chosen for each token";
  return form;
}

std::unique_ptr<Ffn> RoutedFfn::share() const {
  std::unique_ptr<Ffn> twin = dense_->share();
  std::unique_ptr<StandardFfn> dense(static_cast<StandardFfn*>(twin.release()));
  return std::make_unique<RoutedFfn>(std::move(dense), chooser_ ? chooser_->share() : nullptr,
                                     routing_);
}

}  // namespace assay
