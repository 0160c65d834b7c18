#include "harness/mux/step_sequences.h"

#include <ATen/ops/arange.h>

#include <algorithm>

namespace assay::mux {

std::vector<at::Tensor> sequences_of(const at::Tensor& rows, const StepContext& step) {
  std::vector<at::Tensor> sequences;
  if (step.visibility.segments == nullptr) return rows.view({step.batch, step.tokens}).unbind(0);
  for (const Segment& segment : *step.visibility.segments) {
    sequences.push_back(rows.narrow(0, segment.offset, segment.length));
  }
  return sequences;
}

std::int64_t longest_of(const std::vector<at::Tensor>& sequences) {
  std::int64_t length = 0;
  for (const at::Tensor& sequence : sequences) length = std::max(length, sequence.size(0));
  return length;
}

void set_uniform(StepContext& step, std::int64_t batch, std::int64_t length) {
  step.batch = batch;
  step.tokens = length;
  step.positions = at::arange(length, step.positions.options()).repeat({batch});
  step.token_types.reset();
  step.prompt.reset();
  step.visibility.segments = nullptr;
}

}  // namespace assay::mux
