#pragma once
// The weights of a plain (two-matrix) feed-forward block, as fitting reads them.

#include <ATen/core/Tensor.h>

#include "harness/model/model.h"

namespace assay {

/// y = act(x up^T + up_bias) down + down_bias. `down` is neuron-major, so that row j of both
/// matrices belongs to neuron j. Biases may be undefined.
struct PlainFfn {
  ActivationKind activation = ActivationKind::kGelu;
  at::Tensor up;         ///< [neurons, width]
  at::Tensor up_bias;    ///< [neurons]
  at::Tensor down;       ///< [neurons, width]
  at::Tensor down_bias;  ///< [width]

  [[nodiscard]] std::int64_t neurons() const { return up.size(0); }
  [[nodiscard]] std::int64_t width() const { return up.size(1); }
  /// The same block in another type; shares what has it already.
  [[nodiscard]] PlainFfn to(at::ScalarType dtype) const;
  /// x [n, width] -> z [n, neurons]
  [[nodiscard]] at::Tensor pre_activations(const at::Tensor& x) const;
  /// A new tensor.
  [[nodiscard]] at::Tensor activated(const at::Tensor& z) const;
  /// hidden [n, neurons] -> [n, width]
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const;
};

/// The block of a layer whose up and down are still dense; copies `down` to turn it. Throws
/// std::logic_error otherwise.
PlainFfn plain_ffn(const Layer& layer, ActivationKind activation);

/// bias, or zeros [size] of f64 where there is none.
at::Tensor bias_or_zeros(const at::Tensor& bias, std::int64_t size, const at::Tensor& like);

}  // namespace assay
