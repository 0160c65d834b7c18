#include "methods/tardis/tardis_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/cost.h"
#include "harness/model/standard_ffn.h"

namespace assay {
namespace {

/// act(z) - a z - c in place, where z are the pre-activations of the chosen neurons. On a device
/// the number of them stays unknown, and the room behind them is computed too; nobody reads it.
void line_residuals_(at::Tensor z, const Selection& chosen, const NeuronWindows& windows,
                     ActivationKind activation) {
  at::Tensor indices = chosen.indices;
  if (z.is_cpu()) {
    const std::int64_t count = chosen.count.const_data_ptr<std::int32_t>()[0];
    indices = indices.narrow(0, 0, count);
    z = z.narrow(0, 0, count);
  } else {
    indices = indices.clamp(0, z.size(0) - 1);
  }
  at::Tensor response = activate(z.clone(), activation);
  const at::Tensor line = windows.slope.index_select(0, indices)
                              .mul_(z)
                              .add_(windows.intercept.index_select(0, indices));
  z.copy_(response.sub_(line));
}

}  // namespace

at::Tensor TardisFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  if (step.phase == Phase::kScore) return masked(rows, step);
  if (step.phase == Phase::kPrefill) return many(rows, step, parts_.policy.prefill);
  return rows.size(0) == 1 ? gathered(rows, step) : many(rows, step, parts_.policy.batch);
}

at::Tensor TardisFfn::many(const at::Tensor& rows, const StepContext& step, ManyRows how) const {
  switch (how) {
    case ManyRows::kDense:
      return dense(rows, step);
    case ManyRows::kFoldOnly:
      return fold_only(rows, step);
    case ManyRows::kPerRow:
      break;
  }
  // A prompt's tokens together choose nearly all neurons; a few sequences do not.
  return step.phase == Phase::kPrefill ? masked(rows, step) : gathered(rows, step);
}

at::Tensor TardisFfn::outside(const at::Tensor& rows, const StepContext& step) const {
  const at::Tensor prediction = parts_.predictor(rows);
  const NeuronWindows& w = parts_.windows;
  // Negated, so that a NaN is outside.
  const at::Tensor found = prediction.ge(w.low).logical_and_(prediction.le(w.high)).logical_not_();
  return step.routing == nullptr ? found : step.routing->settle(step, RoutingSite::kNeurons, found);
}

/// Sums in fp32 throughout, as the gathered form does: the residual of a line is a small difference
/// of large terms, of which a rounded z would leave little.
at::Tensor TardisFfn::masked(const at::Tensor& rows, const StepContext& step) const {
  const PlainFfn ffn = parts_.original.to(at::kFloat);
  const NeuronWindows& w = parts_.windows;
  const at::Tensor chosen = outside(rows, step);
  if (step.observer != nullptr) tell_counts(step, chosen.sum(1).to(at::kFloat));
  const at::Tensor z = ffn.pre_activations(rows.to(at::kFloat));
  const at::Tensor line = z.mul(w.slope).add_(w.intercept);
  const at::Tensor fixed = at::where(chosen, ffn.activated(z).sub_(line), 0.0);
  const at::Tensor y = parts_.fold.forward(rows).to(at::kFloat);
  return y.add(at::mm(fixed, ffn.down)).to(rows.scalar_type());
}

std::vector<Selection> TardisFfn::choose(const at::Tensor& rows, const StepContext& step) const {
  std::vector<Selection> selections;
  const NeuronWindows& w = parts_.windows;
  if (step.routing != nullptr) {
    // As numbers with the window [0, 0]: what is chosen lies outside.
    const at::Tensor chosen = outside(rows, step).to(at::kFloat);
    const at::Tensor zero = at::zeros_like(w.low);
    for (const at::Tensor& row : chosen.unbind(0)) {
      selections.push_back(select_outside(row.contiguous(), zero, zero));
    }
    return selections;
  }
  for (const at::Tensor& row : rows.split(1)) {
    selections.push_back(select_outside(parts_.predictor(row).squeeze(0), w.low, w.high));
  }
  return selections;
}

at::Tensor TardisFfn::gathered_row(const at::Tensor& row, const Selection& chosen) const {
  const PlainFfn& ffn = parts_.original;
  const at::Tensor z = gathered_product(row.squeeze(0), ffn.up, ffn.up_bias, chosen);
  line_residuals_(z, chosen, parts_.windows, ffn.activation);
  at::Tensor y = parts_.fold.forward(row).to(at::kFloat).squeeze(0);
  gathered_accumulate(z, ffn.down, chosen, y);
  return y.unsqueeze(0);
}

at::Tensor TardisFfn::gathered(const at::Tensor& rows, const StepContext& step) const {
  std::vector<at::Tensor> outputs, counts;
  const std::vector<Selection> chosen = choose(rows, step);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    outputs.push_back(gathered_row(rows.narrow(0, static_cast<std::int64_t>(i), 1), chosen[i]));
    counts.push_back(chosen[i].count.to(at::kFloat));
  }
  if (step.observer != nullptr) tell_counts(step, at::cat(counts));
  const at::Tensor together = outputs.size() == 1 ? outputs.front() : at::cat(outputs);
  return together.to(rows.scalar_type());
}

at::Tensor TardisFfn::dense(const at::Tensor& rows, const StepContext& step) const {
  const PlainFfn& ffn = parts_.original;
  if (step.observer != nullptr) {
    const Cost all = cost();
    const auto neurons = static_cast<double>(ffn.neurons());
    tell_constant(
        step, rows.size(0), 1,
        neurons * static_cast<double>(bytes_of_a_neuron()) - static_cast<double>(all.touched_bytes),
        neurons * static_cast<double>(flops_of_a_neuron()) -
            static_cast<double>(all.flops_per_token));
  }
  return ffn.project(activate(ffn.pre_activations(rows), ffn.activation));
}

at::Tensor TardisFfn::fold_only(const at::Tensor& rows, const StepContext& step) const {
  if (step.observer != nullptr) {
    Cost spared = parts_.predictor.cost();
    spared += tensor_cost(parts_.windows.low);
    spared += tensor_cost(parts_.windows.high);
    spared.flops_per_token = parts_.predictor.cost().flops_per_token + comparisons();
    tell_constant(step, rows.size(0), 0, -static_cast<double>(spared.touched_bytes),
                  -static_cast<double>(spared.flops_per_token));
  }
  return parts_.full_fold->forward(rows);
}

std::int64_t TardisFfn::bytes_of_a_neuron() const {
  const PlainFfn& ffn = parts_.original;
  const auto element = static_cast<std::int64_t>(ffn.up.element_size());
  return (2 * ffn.width() + (ffn.up_bias.defined() ? 1 : 0)) * element;
}

std::int64_t TardisFfn::flops_of_a_neuron() const {
  const PlainFfn& ffn = parts_.original;
  return 4 * ffn.width() + (ffn.up_bias.defined() ? 1 : 0);
}

std::int64_t TardisFfn::comparisons() const { return 2 * parts_.original.neurons(); }

void TardisFfn::tell_counts(const StepContext& step, const at::Tensor& counts) const {
  step.observer->observe(step.layer, kFallbackShare,
                         counts.div(static_cast<double>(parts_.original.neurons())));
  const std::int64_t line = 2 * static_cast<std::int64_t>(sizeof(float));  // slope and intercept
  step.observer->observe(step.layer, kTouchedBytes,
                         counts.mul(static_cast<double>(bytes_of_a_neuron() + line)));
  constexpr std::int64_t kResidual = 3;  // slope, intercept, difference
  step.observer->observe(step.layer, kFlopsPerToken,
                         counts.mul(static_cast<double>(flops_of_a_neuron() + kResidual)));
}

void TardisFfn::tell_constant(const StepContext& step, std::int64_t rows, double share, double read,
                              double done) const {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(parts_.original.up.device());
  step.observer->observe(step.layer, kFallbackShare, at::full({rows}, share, options));
  step.observer->observe(step.layer, kTouchedBytes, at::full({rows}, read, options));
  step.observer->observe(step.layer, kFlopsPerToken, at::full({rows}, done, options));
}

DenseForm TardisFfn::dense_form() const {
  DenseForm form;
  form.impossible = "a folded block (TARDIS) that predicts for each token which neurons to compute";
  return form;
}

Cost TardisFfn::cost() const {
  const PlainFfn& ffn = parts_.original;
  Cost originals;
  for (const at::Tensor& part : {ffn.up, ffn.up_bias, ffn.down, ffn.down_bias}) {
    originals += tensor_cost(part);
  }
  for (const at::Tensor& part : {parts_.windows.slope, parts_.windows.intercept}) {
    originals += tensor_cost(part);
  }
  if (parts_.full_fold) originals += parts_.full_fold->cost();
  originals.touched_bytes = 0;
  originals.flops_per_token = 0;
  Cost cost = parts_.fold.cost();
  cost += parts_.predictor.cost();
  cost += tensor_cost(parts_.windows.low);
  cost += tensor_cost(parts_.windows.high);
  cost.flops_per_token += comparisons();
  cost += originals;
  return cost;
}

void TardisFfn::replace_linear(Slot slot, std::unique_ptr<Linear>) {
  throw std::logic_error(std::string("a folded FFN has no slot '") + slot_name(slot) + "'");
}

void TardisFfn::visit_tensors(const VisitTensor& visit) {
  PlainFfn& o = parts_.original;
  visit("tardis.up.weight", o.up);
  visit_if_defined(visit, "tardis.up.bias", o.up_bias);
  visit("tardis.down.weight", o.down);
  visit_if_defined(visit, "tardis.down.bias", o.down_bias);
  parts_.fold.visit_tensors(visit_part(visit, "tardis.fold."));
  if (parts_.full_fold) parts_.full_fold->visit_tensors(visit_part(visit, "tardis.full_fold."));
  parts_.predictor.visit_tensors(visit_part(visit, "tardis."));
  parts_.predictor.read_from(o);
  visit("tardis.low", parts_.windows.low);
  visit("tardis.high", parts_.windows.high);
  visit("tardis.slope", parts_.windows.slope);
  visit("tardis.intercept", parts_.windows.intercept);
}

std::unique_ptr<Ffn> TardisFfn::share() const {
  return std::make_unique<TardisFfn>(TardisParts{parts_.original, parts_.fold, parts_.full_fold,
                                                 parts_.predictor.share(), parts_.windows,
                                                 parts_.policy});
}

}  // namespace assay
