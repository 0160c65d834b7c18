#pragma once
// A feed-forward block whose matrices read thresholded inputs.

#include <memory>

#include "harness/model/standard_ffn.h"
#include "methods/teal/sparse_input.h"

namespace assay::teal {

/// Gate and up, or up alone in a plain block, share an input and a threshold; down has its own.
/// Tells a recorder what the sites get before their thresholds.
class TealFfn final : public Ffn {
 public:
  /// first: gate and up in this order, or up; down: [width, ffn_width] as its linear has it.
  TealFfn(ActivationKind activation, SparseInput first, SparseInput down)
      : activation_(activation), first_(std::move(first)), down_(std::move(down)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override;
  /// Throws DoesNotApply unless the new block is dense.
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Weights that a token reads go to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Ffn> share() const override;

  [[nodiscard]] SparseInput& first() { return first_; }
  [[nodiscard]] SparseInput& down() { return down_; }

 private:
  /// What down gets, before its threshold, from what gate and up give.
  [[nodiscard]] at::Tensor middle(at::Tensor products, const StepContext& step) const;

  ActivationKind activation_;
  SparseInput first_, down_;
};

}  // namespace assay::teal
