#include "methods/teal/threshold.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kv_cache.h"

namespace assay::teal {
namespace {

const std::int32_t* indices_of(const Selection& selection) {
  return selection.indices.const_data_ptr<std::int32_t>();
}

}  // namespace

Threshold::Threshold(RoutingSite site, std::int64_t entries, double magnitude, bool dense_prompt,
                     const at::Tensor& like)
    : site_(site),
      dense_prompt_(dense_prompt),
      low_(at::empty({entries}, like.options().dtype(at::kFloat))),
      high_(at::empty({entries}, like.options().dtype(at::kFloat))) {
  set(magnitude);
}

void Threshold::set(double magnitude) {
  low_.fill_(-magnitude);
  high_.fill_(magnitude);
}

at::Tensor Threshold::whole_rows(const at::Tensor& values, const StepContext& step) const {
  if (!dense_prompt_) return {};
  if (step.phase == Phase::kScore) return step.prompt;
  const bool first = step.cache != nullptr && step.cache->length() == 0;
  if (step.phase != Phase::kPrefill && !first) return {};
  return at::ones({values.size(0)}, values.options().dtype(at::kBool));
}

bool Threshold::gathers(const at::Tensor& values, const StepContext& step) const {
  const bool real = values.scalar_type() == at::kFloat || values.scalar_type() == at::kBFloat16;
  return step.phase == Phase::kDecode && step.tokens == 1 && values.is_cpu() && real &&
         !needs_gradient(values) && !whole_rows(values, step).defined();
}

bool Threshold::idle(const at::Tensor& values, const StepContext& step) const {
  return step.phase != Phase::kScore && step.observer == nullptr && step.routing == nullptr &&
         whole_rows(values, step).defined();
}

at::Tensor Threshold::used(const at::Tensor& values, const StepContext& step) const {
  const at::Tensor wide = values.to(at::kFloat);
  // Negated, so that a NaN is used.
  at::Tensor found = wide.ge(low_).logical_and_(wide.le(high_)).logical_not_();
  const at::Tensor whole = whole_rows(values, step);
  if (whole.defined()) found.logical_or_(whole.unsqueeze(1));
  return step.routing == nullptr ? found : step.routing->settle(step, site_, found);
}

std::vector<Selection> Threshold::selected(const at::Tensor& values,
                                           const StepContext& step) const {
  std::vector<Selection> selections;
  if (step.routing != nullptr) {
    // As numbers with the window [0, 0]: what is used lies outside.
    const at::Tensor zero = at::zeros_like(low_);
    for (const at::Tensor& row : used(values, step).to(at::kFloat).unbind(0)) {
      selections.push_back(select_outside(row.contiguous(), zero, zero));
    }
    return selections;
  }
  const at::Tensor wide = values.to(at::kFloat).contiguous();
  for (const at::Tensor& row : wide.unbind(0)) {
    selections.push_back(select_outside(row, low_, high_));
  }
  return selections;
}

Cost Threshold::cost() const {
  Cost cost = tensor_cost(low_);
  cost += tensor_cost(high_);
  cost.params = cost.nonzero = 0;
  cost.flops_per_token = 2 * entries();
  return cost;
}

void Threshold::visit_tensors(const VisitTensor& visit) {
  visit("low", low_);
  visit("high", high_);
}

std::int64_t count_of(const Selection& selection) {
  return *selection.count.const_data_ptr<std::int32_t>();
}

at::Tensor counts_of(const std::vector<Selection>& selections) {
  at::Tensor counts = at::empty({static_cast<std::int64_t>(selections.size())}, at::kFloat);
  auto* count = counts.mutable_data_ptr<float>();
  for (const Selection& selection : selections) *count++ = static_cast<float>(count_of(selection));
  return counts;
}

at::Tensor mask_of(const std::vector<Selection>& selections, std::int64_t entries) {
  at::Tensor mask = at::zeros({static_cast<std::int64_t>(selections.size()), entries}, at::kBool);
  bool* row = mask.mutable_data_ptr<bool>();
  for (const Selection& selection : selections) {
    for (std::int64_t i = 0; i < count_of(selection); ++i) row[indices_of(selection)[i]] = true;
    row += entries;
  }
  return mask;
}

at::Tensor compacted(const at::Tensor& values, const Selection& selection) {
  at::Tensor chosen = at::empty(values.sizes(), values.options());
  const auto* from = values.const_data_ptr<float>();
  const auto* index = indices_of(selection);
  auto* to = chosen.mutable_data_ptr<float>();
  const std::int64_t count = count_of(selection);
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[index[i]];
  return chosen;
}

}  // namespace assay::teal
