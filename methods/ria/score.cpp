#include "methods/ria/score.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/sum.h>

namespace assay {
namespace {

/// 0 / 0 happens where a whole row or column is 0, or became so in fp16.
at::Tensor share(const at::Tensor& magnitude, std::int64_t dim) {
  return magnitude.div(at::sum(magnitude, dim, /*keepdim=*/true)).nan_to_num_(0);
}

}  // namespace

at::Tensor relative_importance(const at::Tensor& weight, at::ScalarType dtype) {
  const at::Tensor magnitude = at::abs(weight.to(dtype));
  return share(magnitude, 0).add_(share(magnitude, 1)).to(at::kFloat);
}

at::Tensor ria_scores(const at::Tensor& weight, const at::Tensor& square_norm, double a,
                      at::ScalarType dtype) {
  return relative_importance(weight, dtype).mul(square_norm.sqrt().pow(a).unsqueeze(0));
}

}  // namespace assay
