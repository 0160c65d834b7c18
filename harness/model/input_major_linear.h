#pragma once
// A linear layer whose weight lies input by input, for blocks that leave inputs out.

#include <ATen/core/Tensor.h>

#include <memory>

#include "harness/model/dense_linear.h"
#include "harness/model/kernels/gathered.h"
#include "harness/model/seams.h"

namespace assay {

/// y = x W + b with W [in, out]: what one input adds is a contiguous row, so that the rows of
/// inputs that are zero need not be read.
class InputMajorLinear final : public Linear {
 public:
  /// Turns a dense block's weight; the copy lies on large pages.
  explicit InputMajorLinear(const DenseLinear& dense);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  /// One row of which only the selected inputs count: coefficients f32 [in], the first
  /// `selection.count` of them are those of the selected inputs -> f32 [out]; fp32 sums.
  [[nodiscard]] at::Tensor forward_selected(const at::Tensor& coefficients,
                                            const Selection& selection) const;
  [[nodiscard]] std::int64_t in_features() const override { return weight_.size(0); }
  [[nodiscard]] std::int64_t out_features() const override { return weight_.size(1); }
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }
  /// "weight" ([in, out]) and "bias".
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Linear> share() const override;

 private:
  at::Tensor weight_;  ///< [in, out]
  at::Tensor bias_;    ///< [out] or undefined
};

}  // namespace assay
