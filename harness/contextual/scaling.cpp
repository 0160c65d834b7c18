#include "harness/contextual/scaling.h"

#include <ATen/TensorOperators.h>

#include <stdexcept>

namespace assay {
namespace {

/// Over the last dimension; NaN where it is constant (0 / 0).
at::Tensor min_max(const at::Tensor& values) {
  const at::Tensor wide = values.to(at::kFloat);
  const at::Tensor low = wide.amin(-1, /*keepdim=*/true);
  return (wide - low) / (wide.amax(-1, /*keepdim=*/true) - low);
}

}  // namespace

at::Tensor scaled_rows(const at::Tensor& rows) {
  const at::Tensor wide = rows.to(at::kFloat);
  const at::Tensor low = wide.amin(-1, /*keepdim=*/true);
  const at::Tensor spread = wide.amax(-1, /*keepdim=*/true) - low;
  return (wide - low) / spread.masked_fill(spread == 0, 1);
}

at::Tensor scaled_over_layers(const at::Tensor& values) { return min_max(values); }

at::Tensor scaled_by_layer(const at::Tensor& values, std::int64_t layers) {
  if (layers < 1 || values.size(1) % layers != 0) {
    throw std::logic_error("scores of layers that have not all the same number of them");
  }
  return min_max(values.reshape({values.size(0), layers, -1})).view(values.sizes());
}

}  // namespace assay
