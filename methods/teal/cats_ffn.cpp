#include "methods/teal/cats_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>

#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/model/kernels/gradients.h"
#include "methods/teal/sparse_input.h"

namespace assay::teal {

CatsFfn::CatsFfn(ActivationKind activation, DenseLinear gate, DenseLinear up, InputMajor down,
                 Threshold threshold)
    : activation_(activation),
      gate_(std::make_unique<DenseLinear>(std::move(gate))),
      up_(std::make_unique<DenseLinear>(std::move(up))),
      down_(std::move(down)),
      threshold_(std::move(threshold)) {}

at::Tensor CatsFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  at::Tensor gate = gate_->forward(rows);
  step.record(Tap::kPreActivation, gate);
  gate = activate(std::move(gate), activation_);
  const bool differentiated = needs_gradient(up_->weight(), up_->bias()) || down_.is_trained();
  if (threshold_.gathers(gate, step) && !differentiated) return gathered(rows, gate, step);
  const at::Tensor used = threshold_.used(gate, step);
  if (step.observer != nullptr) {
    const at::Tensor counts = used.sum(1).to(at::kFloat);
    tell(step, counts, counts);
  }
  return masked(rows, gate, used, step);
}

at::Tensor CatsFfn::masked(const at::Tensor& rows, const at::Tensor& gate, const at::Tensor& used,
                           const StepContext& step) const {
  const at::Tensor hidden = gate.mul(used).mul(up_->forward(rows));
  step.record(Tap::kDownInput, hidden);
  return down_.product(hidden);
}

at::Tensor CatsFfn::gathered(const at::Tensor& rows, const at::Tensor& gate,
                             StepContext& step) const {
  const std::vector<Selection> selections = threshold_.selected(gate, step);
  // Only the masked form knows what all of down's inputs are.
  const bool dense = step.recorder != nullptr || dense_is_cheaper(selections, down_.inputs());
  if (step.observer != nullptr) {
    const at::Tensor counts = counts_of(selections);
    tell(step, counts, dense ? at::full_like(counts, static_cast<double>(down_.inputs())) : counts);
  }
  if (dense) return masked(rows, gate, mask_of(selections, down_.inputs()), step);
  const at::Tensor wide = gate.to(at::kFloat).contiguous();
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i < selections.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    outputs.push_back(gathered_row(rows.narrow(0, row, 1), wide.select(0, row), selections[i]));
  }
  return (outputs.size() == 1 ? outputs.front() : at::cat(outputs)).to(rows.scalar_type());
}

at::Tensor CatsFfn::gathered_row(const at::Tensor& row, const at::Tensor& gate,
                                 const Selection& selection) const {
  at::Tensor hidden =
      gathered_product(row.contiguous().squeeze(0), up_->weight(), up_->bias(), selection);
  // Rounded where the masked form rounds.
  const at::ScalarType dtype = row.scalar_type();
  const std::int64_t count = count_of(selection);
  at::Tensor chosen = hidden.narrow(0, 0, count);
  const at::Tensor open = compacted(gate, selection).narrow(0, 0, count);
  chosen.copy_(chosen.to(dtype).mul(open.to(dtype)));
  return down_.gathered(hidden, selection).unsqueeze(0);
}

Cost CatsFfn::of_a_neuron() const {
  const auto element = static_cast<std::int64_t>(up_->weight().element_size());
  const std::int64_t width = up_->in_features(), bias = up_->bias().defined() ? 1 : 0;
  Cost cost;
  cost.touched_bytes = (width + bias) * element + down_.bytes_of_an_input();
  cost.flops_per_token = 2 * width + bias + down_.flops_of_an_input();
  return cost;
}

void CatsFfn::tell(const StepContext& step, const at::Tensor& used, const at::Tensor& read) const {
  const Cost neuron = of_a_neuron();
  step.observer->observe(step.layer, kNeuronShare, used.div(static_cast<double>(down_.inputs())));
  step.observer->observe(step.layer, kTouchedBytes,
                         read.mul(static_cast<double>(neuron.touched_bytes)));
  step.observer->observe(step.layer, kFlopsPerToken,
                         read.mul(static_cast<double>(neuron.flops_per_token)));
}

Linear* CatsFfn::linear(Slot slot) const {
  if (slot == Slot::kGate) return gate_.get();
  return slot == Slot::kUp ? up_.get() : down_.linear(slot);
}

void CatsFfn::replace_linear(Slot slot, std::unique_ptr<Linear> block) {
  if (slot != Slot::kGate && slot != Slot::kUp) return down_.replace(slot, std::move(block));
  auto* dense = dynamic_cast<DenseLinear*>(block.get());
  if (dense == nullptr) {
    throw DoesNotApply(
        "teal gathers neurons of dense matrices, and a method behind it would replace them; leave "
        "the feed-forward blocks out (blocks = 'attention'), or one of the two methods");
  }
  (slot == Slot::kGate ? gate_ : up_) = std::make_unique<DenseLinear>(*dense);
}

void CatsFfn::visit_tensors(const VisitTensor& visit) {
  gate_->visit_tensors(visit_part(visit, "gate."));
  up_->visit_tensors(visit_part(visit, "up."));
  down_.visit_tensors(visit);
  threshold_.visit_tensors(visit_part(visit, "teal.gate_"));
}

Cost CatsFfn::cost() const {
  Cost up = up_->cost();
  up.touched_bytes = up.flops_per_token = 0;
  Cost cost = gate_->cost();
  cost += up;
  cost += down_.cost();
  cost += threshold_.cost();
  return cost;
}

DenseForm CatsFfn::dense_form() const {
  DenseForm form;
  form.impossible = "a block whose gate chooses the neurons of each token (CATS)";
  return form;
}

std::unique_ptr<Ffn> CatsFfn::share() const {
  return std::make_unique<CatsFfn>(activation_, *gate_, *up_, down_, threshold_);
}

}  // namespace assay::teal
