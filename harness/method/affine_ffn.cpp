#include "harness/method/affine_ffn.h"

#include <stdexcept>
#include <string>

#include "harness/model/kernels/large_pages.h"

namespace assay {

at::Tensor AffineFfn::forward(const at::Tensor& rows, StepContext& step) const {
  step.record(Tap::kFfnInput, rows);
  return map_.forward(rows);
}

DenseForm AffineFfn::dense_form() const {
  DenseForm form;
  form.impossible = "one affine map for the whole block";
  return form;
}

void AffineFfn::replace_linear(Slot slot, std::unique_ptr<Linear>) {
  throw std::logic_error(std::string("an affine FFN has no slot '") + slot_name(slot) + "'");
}

std::unique_ptr<AffineFfn> make_affine_ffn(const at::Tensor& weight, const at::Tensor& bias,
                                           const at::Tensor& like) {
  // A copy of the bias, too: the block must not change with the artefact that it was read from.
  constexpr bool kBlocking = false, kCopy = true;
  return std::make_unique<AffineFfn>(DenseLinear(copy_on_large_pages(weight.to(like.options())),
                                                 bias.to(like.options(), kBlocking, kCopy)));
}

}  // namespace assay
