#include "harness/contextual/predicted.h"

#include "harness/model/kernels/highest.h"

namespace assay {

at::Tensor Predicted::choose(const ChoiceInput& /*input*/, const StepContext& step) const {
  const at::Tensor& stream = streams_of(step, owner_.get()).at(from_);
  const at::Tensor logits = predictor_->forward(stream);
  return selected_.edge ? logits.ge(*selected_.edge) : highest(logits, selected_.count);
}

std::unique_ptr<Chooser> Predicted::share() const {
  return std::make_unique<Predicted>(predictor_->share(), from_, selected_, owner_);
}

}  // namespace assay
