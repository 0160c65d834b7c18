#include "methods/teal/sparse_input.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>

#include <algorithm>

namespace assay::teal {

bool dense_is_cheaper(const std::vector<Selection>& selections, std::int64_t inputs) {
  if (selections.size() < 2) return false;
  std::int64_t together = 0;
  for (const Selection& selection : selections) together += count_of(selection);
  return together >= inputs;
}

at::Tensor SparseInput::forward(const at::Tensor& rows, const StepContext& step) const {
  if (threshold_.gathers(rows, step) && !matrices_.is_trained()) return gathered(rows, step);
  if (threshold_.idle(rows, step)) return matrices_.product(rows);
  const at::Tensor used = threshold_.used(rows, step);
  if (step.observer != nullptr) {
    const at::Tensor counts = used.sum(1).to(at::kFloat);
    tell(step, counts, counts);
  }
  return matrices_.product(rows.mul(used));
}

at::Tensor SparseInput::gathered(const at::Tensor& rows, const StepContext& step) const {
  const std::vector<Selection> selections = threshold_.selected(rows, step);
  const bool dense = dense_is_cheaper(selections, matrices_.inputs());
  if (step.observer != nullptr) {
    const at::Tensor counts = counts_of(selections);
    tell(step, counts,
         dense ? at::full_like(counts, static_cast<double>(matrices_.inputs())) : counts);
  }
  if (dense) return matrices_.product(rows.mul(mask_of(selections, matrices_.inputs())));
  const at::Tensor wide = rows.to(at::kFloat).contiguous();
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i < selections.size(); ++i) {
    const at::Tensor row = wide.select(0, static_cast<std::int64_t>(i));
    outputs.push_back(
        matrices_.gathered(compacted(row, selections[i]), selections[i]).unsqueeze(0));
  }
  return (outputs.size() == 1 ? outputs.front() : at::cat(outputs)).to(rows.scalar_type());
}

void SparseInput::tell(const StepContext& step, const at::Tensor& used,
                       const at::Tensor& read) const {
  const auto inputs = static_cast<double>(matrices_.inputs());
  step.observer->observe(step.layer, kInputShare, used.div(inputs));
  step.observer->observe(step.layer, kTouchedBytes,
                         read.mul(static_cast<double>(matrices_.bytes_of_an_input())));
  step.observer->observe(step.layer, kFlopsPerToken,
                         read.mul(static_cast<double>(matrices_.flops_of_an_input())));
}

void SparseInput::visit_tensors(const VisitTensor& visit, const std::string& prefix) {
  matrices_.visit_tensors(visit);
  threshold_.visit_tensors(visit_part(visit, prefix));
}

Cost SparseInput::cost() const {
  Cost cost = matrices_.cost();
  cost += threshold_.cost();
  return cost;
}

}  // namespace assay::teal
