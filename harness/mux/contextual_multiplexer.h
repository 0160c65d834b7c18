#pragma once
// The contextual multiplexer of MUX-PLMs (Murahari et al. 2023, arXiv:2302.12441, section 3.2;
// released as `gaussian_attention_v2`).

#include <utility>

#include "harness/mux/masked_layer.h"
#include "harness/mux/multiplexer.h"

namespace assay::mux {

struct ContextualMuxTensors {
  at::Tensor keys;  ///< [N, width]
  Layer along;      ///< over each instance's sequence
  Layer across;     ///< over the instances of a group, at each position
};

/// A_i = key_i o (E_i + along(E_i)), X = 1/N sum_i (A_i + across(A)_i). Both layers are trained,
/// the keys are not. No attention looks at a pad; where all instances have one they see each other.
class ContextualMultiplexer final : public Multiplexer {
 public:
  explicit ContextualMultiplexer(ContextualMuxTensors tensors) : tensors_(std::move(tensors)) {}
  [[nodiscard]] std::int64_t instances() const override { return tensors_.keys.size(0); }
  [[nodiscard]] at::Tensor mix(const at::Tensor& instances) const override;
  [[nodiscard]] at::Tensor mix_in(const at::Tensor& instances,
                                  const MixingPass& pass) const override;
  /// Of its matrices and keys; products of queries with keys are not counted, as in any layer.
  [[nodiscard]] std::int64_t macs() const override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] std::unique_ptr<Multiplexer> share() const override;

 private:
  ContextualMuxTensors tensors_;
};

}  // namespace assay::mux
