#pragma once
// A linear layer whose weight lies input by input, for blocks that leave inputs out.

#include <ATen/core/Tensor.h>

#include <memory>

#include "harness/model/dense_linear.h"
#include "harness/model/kernels/gathered.h"
#include "harness/model/seams.h"

namespace assay {

/// y = x W^T + b. W is [out, in] to everybody else, and lies in memory as its transpose: what one
/// input adds is a contiguous row, so that the rows of inputs that are zero need not be read.
class InputMajorLinear final : public Linear {
 public:
  /// Turns a dense block's weight; the copy lies on large pages. One that lies so is taken over.
  explicit InputMajorLinear(const DenseLinear& dense);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  /// One row of which only the selected inputs count: coefficients f32 [in], the first
  /// `selection.count` of them are those of the selected inputs -> f32 [out]; fp32 sums.
  [[nodiscard]] at::Tensor forward_selected(const at::Tensor& coefficients,
                                            const Selection& selection) const;
  [[nodiscard]] std::int64_t in_features() const override { return weight_.size(1); }
  [[nodiscard]] std::int64_t out_features() const override { return weight_.size(0); }
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }
  /// "weight" ([out, in]) and "bias". A weight that a visitor put in its place is turned, unless it
  /// is to be trained.
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override;
  [[nodiscard]] std::unique_ptr<Linear> share() const override;

 private:
  void turn();
  at::Tensor weight_;  ///< [out, in], a view of [in, out]
  at::Tensor bias_;    ///< [out] or undefined
};

}  // namespace assay
