#include "methods/tardis/fold.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>

namespace assay {

Folded fold(const PlainFfn& ffn, const at::Tensor& slope, const at::Tensor& intercept) {
  const at::Tensor up = ffn.up.to(at::kDouble), down_t = ffn.down.to(at::kDouble).t();
  const at::Tensor a = slope.to(at::kDouble), c = intercept.to(at::kDouble);
  const at::Tensor offset = bias_or_zeros(ffn.up_bias, ffn.neurons(), up).mul(a).add(c);
  return {at::mm(down_t, up.mul(a.unsqueeze(1))),
          at::mv(down_t, offset).add(bias_or_zeros(ffn.down_bias, ffn.width(), up))};
}

}  // namespace assay
