#include "methods/tardis/tardis_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/ffn.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/tensor_cost.h"

namespace assay {
namespace {

at::Tensor copy_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.clone() : tensor; }

DenseLinear copy_of(const DenseLinear& linear) {
  return {copy_on_large_pages(linear.weight()), copy_of(linear.bias())};
}

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
  at::Tensor response = z.clone();
  activate_(response, activation);
  const at::Tensor line = windows.slope.index_select(0, indices)
                              .mul_(z)
                              .add_(windows.intercept.index_select(0, indices));
  z.copy_(response.sub_(line));
}

}  // namespace

at::Tensor TardisFfn::forward(const at::Tensor& rows, StepContext& step) const {
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kFfnInput, rows, step);
  if (step.phase == Phase::kPrefill) {
    return step.cache == nullptr ? masked(rows, step) : many(rows, step, parts_.policy.prefill);
  }
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
  return step.decisions == nullptr ? found : step.decisions->settle(step, found);
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
  if (step.decisions != nullptr) {
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
  at::Tensor hidden = ffn.pre_activations(rows);
  activate_(hidden, ffn.activation);
  return ffn.project(hidden);
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
  step.observer->observe(step.layer, StepFact::kFallbackShare,
                         counts.div(static_cast<double>(parts_.original.neurons())));
  const std::int64_t line = 2 * static_cast<std::int64_t>(sizeof(float));  // slope and intercept
  step.observer->observe(step.layer, StepFact::kTouchedBytes,
                         counts.mul(static_cast<double>(bytes_of_a_neuron() + line)));
  constexpr std::int64_t kResidual = 3;  // slope, intercept, difference
  step.observer->observe(step.layer, StepFact::kFlops,
                         counts.mul(static_cast<double>(flops_of_a_neuron() + kResidual)));
}

void TardisFfn::tell_constant(const StepContext& step, std::int64_t rows, double share, double read,
                              double done) const {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(parts_.original.up.device());
  step.observer->observe(step.layer, StepFact::kFallbackShare, at::full({rows}, share, options));
  step.observer->observe(step.layer, StepFact::kTouchedBytes, at::full({rows}, read, options));
  step.observer->observe(step.layer, StepFact::kFlops, at::full({rows}, done, options));
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

void TardisFfn::replace_linear(LinearRole role, std::unique_ptr<Linear>) {
  throw std::logic_error(std::string("a folded FFN has no slot '") + role_name(role) + "'");
}

std::unique_ptr<Ffn> TardisFfn::clone() const {
  const PlainFfn& o = parts_.original;
  PlainFfn original{o.activation, copy_on_large_pages(o.up), copy_of(o.up_bias),
                    copy_on_large_pages(o.down), copy_of(o.down_bias)};
  Predictor predictor = parts_.predictor.clone(original);
  const NeuronWindows& w = parts_.windows;
  std::optional<DenseLinear> full;
  if (parts_.full_fold) full = copy_of(*parts_.full_fold);
  return std::make_unique<TardisFfn>(
      TardisParts{std::move(original),
                  copy_of(parts_.fold),
                  std::move(full),
                  std::move(predictor),
                  {copy_of(w.low), copy_of(w.high), copy_of(w.slope), copy_of(w.intercept)},
                  parts_.policy});
}

}  // namespace assay
