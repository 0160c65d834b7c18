#pragma once
// The feed-forward block of a loaded model.

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>

#include "harness/model/slots.h"

namespace assay {

/// Applies the activation in place.
void activate_(at::Tensor& rows, ActivationKind kind);

/// down(act(up(x))), or down(act(gate(x)) * up(x)). While gate and up are the original weights,
/// they are one product.
class StandardFfn final : public Ffn {
 public:
  /// first: [ffn_width, width], or gate above up: [2 ffn_width, width].
  StandardFfn(ActivationKind activation, bool gated, DenseLinear first, DenseLinear down);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(LinearRole role) const override;
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Ffn> clone() const override;

 private:
  StandardFfn() = default;
  void view_fused();
  [[nodiscard]] at::Tensor middle(const at::Tensor& rows) const;

  ActivationKind activation_ = ActivationKind::kGelu;
  bool gated_ = false;
  std::optional<DenseLinear> fused_;  ///< gate and up; empty when plain, or once one was replaced
  std::array<std::unique_ptr<Linear>, 3> slots_;  ///< gate (null when plain), up, down
};

}  // namespace assay
