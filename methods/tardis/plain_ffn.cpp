#include "methods/tardis/plain_ffn.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/standard_ffn.h"

namespace assay {

PlainFfn PlainFfn::to(at::ScalarType dtype) const {
  const auto cast = [dtype](const at::Tensor& t) { return t.defined() ? t.to(dtype) : t; };
  return {activation, cast(up), cast(up_bias), cast(down), cast(down_bias)};
}

at::Tensor PlainFfn::pre_activations(const at::Tensor& x) const {
  return dense_product(x, up, up_bias);
}

at::Tensor PlainFfn::activated(const at::Tensor& z) const {
  return activate(z.clone(), activation);
}

at::Tensor PlainFfn::project(const at::Tensor& hidden) const {
  at::Tensor y = at::mm(hidden, down);
  return down_bias.defined() ? y.add_(down_bias) : y;
}

PlainFfn plain_ffn(const Layer& layer, ActivationKind activation) {
  const DenseLinear& up = layer.dense(Slot::kUp);
  const DenseLinear& down = layer.dense(Slot::kDown);
  // A method before may have left a weight that is a view of its transpose.
  return {activation, up.weight().contiguous(), up.bias(),
          copy_on_large_pages(down.weight().t().contiguous()), down.bias()};
}

at::Tensor bias_or_zeros(const at::Tensor& bias, std::int64_t size, const at::Tensor& like) {
  if (bias.defined()) return bias.to(at::kDouble);
  return at::zeros({size}, like.options().dtype(at::kDouble));
}

}  // namespace assay
