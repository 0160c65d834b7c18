#include "harness/contextual/scaling.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <numeric>
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

at::Tensor scaled_by_layer(const at::Tensor& values, const std::vector<std::int64_t>& units) {
  if (std::reduce(units.begin(), units.end()) != values.size(1)) {
    throw std::logic_error("these are not the scores of layers of such widths");
  }
  std::vector<at::Tensor> parts;
  for (const at::Tensor& layer : values.split_with_sizes(units, 1)) {
    if (layer.size(1) > 0) parts.push_back(min_max(layer));
  }
  return at::cat(parts, 1);
}

}  // namespace assay
