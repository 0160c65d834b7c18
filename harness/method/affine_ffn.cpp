#include "harness/method/affine_ffn.h"

#include <stdexcept>
#include <string>

#include "harness/model/kernels/large_pages.h"

namespace assay {

at::Tensor AffineFfn::forward(const at::Tensor& rows, StepContext& step) const {
  if (step.recorder != nullptr) step.recorder->record(step.layer, Tap::kFfnInput, rows, step);
  return map_.forward(rows);
}

void AffineFfn::replace_linear(LinearRole role, std::unique_ptr<Linear>) {
  throw std::logic_error(std::string("an affine FFN has no slot '") + role_name(role) + "'");
}

std::unique_ptr<Ffn> AffineFfn::clone() const {
  return make_affine_ffn(map_.weight(), map_.bias().clone(), map_.weight());
}

std::unique_ptr<AffineFfn> make_affine_ffn(const at::Tensor& weight, const at::Tensor& bias,
                                           const at::Tensor& like) {
  return std::make_unique<AffineFfn>(
      DenseLinear(copy_on_large_pages(weight.to(like.options())), bias.to(like.options())));
}

}  // namespace assay
