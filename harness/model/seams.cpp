#include "harness/model/seams.h"

#include <ATen/ops/gather.h>
#include <ATen/ops/log_softmax.h>

#include <stdexcept>

#include "harness/base/cell_errors.h"

namespace assay {

std::unique_ptr<Linear> Linear::share() const {
  throw std::logic_error("this linear block cannot be copied: it does not implement share()");
}

void Input::select_width(const at::Tensor&) {
  throw DoesNotApply(
      "a method before this one replaced the embeddings, and no dimension can be cut out of them; "
      "apply this one first, or leave the width whole");
}

void Input::scale_width(const at::Tensor&) {
  throw DoesNotApply(
      "a method before this one replaced the embeddings, and their dimensions cannot be scaled; "
      "apply this one first, or leave the width whole");
}

void Output::select_width(const at::Tensor&) {
  throw DoesNotApply(
      "a method before this one replaced the output, and it reads all dimensions; apply this one "
      "first, or leave the width whole");
}

at::Tensor Output::log_likelihood(const at::Tensor& rows, const at::Tensor& targets) const {
  return at::log_softmax(forward(rows), 1, at::kFloat)
      .gather(1, targets.to(rows.device()).unsqueeze(1))
      .squeeze(1);
}

Tap input_tap(Slot slot) {
  switch (slot) {
    case Slot::kO:
      return Tap::kOutInput;
    case Slot::kRouter:
    case Slot::kGate:
    case Slot::kUp:
      return Tap::kFfnInput;
    case Slot::kDown:
      return Tap::kDownInput;
    default:
      return Tap::kQkvInput;
  }
}

}  // namespace assay
