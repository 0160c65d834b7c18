#include "methods/shadowllm/own_context.h"

namespace assay::shadowllm {

void ShowsContext::read(const at::Tensor& context, const StepContext& step) const {
  if (step.state == nullptr || !step.stream.defined()) return;  // a block that is run alone
  streams_of(step, owner_.get()).put({step.layer, RoutingSite::kHeads}, context);
}

}  // namespace assay::shadowllm
