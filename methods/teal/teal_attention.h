#pragma once
// An attention block whose matrices read thresholded inputs.

#include <memory>
#include <utility>

#include "harness/model/standard_attention.h"
#include "methods/teal/sparse_input.h"

namespace assay::teal {

/// q, k and v share an input and a threshold; o has its own. What happens in between (rotation,
/// cache, attention) is the standard block's. Tells a recorder what the sites get before their
/// thresholds.
class TealAttention final : public Attention {
 public:
  TealAttention(const AttentionShape& shape, QkNorms norms, SparseInput qkv, SparseInput out)
      : core_(shape, std::move(norms)), qkv_(std::move(qkv)), out_(std::move(out)) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(Slot slot) const override;
  /// Throws DoesNotApply unless the new block is dense.
  void replace_linear(Slot slot, std::unique_ptr<Linear> block) override;
  void visit_tensors(const VisitTensor& visit) override;
  /// Weights that a token reads go to the StepObserver.
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Attention> share() const override;

  [[nodiscard]] SparseInput& qkv() { return qkv_; }
  [[nodiscard]] SparseInput& out() { return out_; }

 private:
  StandardAttention core_;  ///< without matrices
  SparseInput qkv_, out_;
};

}  // namespace assay::teal
