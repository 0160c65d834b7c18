#pragma once
// The feed-forward block of a loaded model.

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>

#include "harness/model/dense_linear.h"
#include "harness/model/seams.h"

namespace assay {

/// act(rows): in place, unless gradients are asked for.
at::Tensor activate(at::Tensor rows, ActivationKind kind);

/// down(act(up(x))), or down(act(gate(x)) * up(x)). While gate and up lie side by side, they are
/// one product.
class StandardFfn final : public Ffn {
 public:
  /// gate, up [ffn_width, width], down [width, ffn_width]; no gate: a plain block.
  StandardFfn(ActivationKind activation, std::optional<DenseLinear> gate, DenseLinear up,
              DenseLinear down);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  /// What down gets: rows [n, width] -> [n, ffn_width]
  [[nodiscard]] at::Tensor middle(const at::Tensor& rows, const StepContext& step) const;
  [[nodiscard]] ActivationKind activation() const { return activation_; }
  [[nodiscard]] Linear* linear(Slot slot) const override;
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;
  void fuse() override;

 private:
  StandardFfn() = default;
  [[nodiscard]] at::Tensor gated(const at::Tensor& rows, const StepContext& step) const;

  ActivationKind activation_ = ActivationKind::kGelu;
  std::optional<DenseLinear> fused_;  ///< gate and up; empty when they are not one product
  std::array<std::unique_ptr<Linear>, 3> slots_;  ///< gate (null when plain), up, down
};

}  // namespace assay
