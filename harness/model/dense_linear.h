#pragma once
// The plain linear block, and how several of them become one product.

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "harness/model/seams.h"

namespace assay {

/// The weight may be a slice of a fused tensor that the owning block multiplies at once; change it
/// in place (weight().copy_(...)).
class DenseLinear final : public Linear {
 public:
  /// weight [out, in], bias [out] or undefined
  DenseLinear(at::Tensor weight, at::Tensor bias);
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows) const override;
  [[nodiscard]] std::int64_t in_features() const override { return weight_.size(1); }
  [[nodiscard]] std::int64_t out_features() const override { return weight_.size(0); }
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] DenseForm dense_form() const override { return plain_form(*this); }
  [[nodiscard]] std::unique_ptr<Linear> share() const override;
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }

 private:
  friend std::optional<DenseLinear> fuse_linears(std::span<const std::unique_ptr<Linear>> blocks);
  at::Tensor weight_;
  at::Tensor bias_;
};

/// A linear of these of its outputs or of its inputs, int64 [n] in their new order: matrices of
/// their own, through which gradients reach the others.
DenseLinear rows_of(const DenseLinear& linear, const at::Tensor& rows);
DenseLinear columns_of(const DenseLinear& linear, const at::Tensor& columns);
/// index_select() of a tensor that may be undefined, which stays so.
at::Tensor selected(const at::Tensor& tensor, std::int64_t dimension, const at::Tensor& indices);

/// The product that several linears make of the same rows, where their weights lie one after the
/// other in memory as slices of one tensor (and their biases, or there are none); else nothing.
std::optional<DenseLinear> adjacent_linears(std::span<const std::unique_ptr<Linear>> blocks);

/// The same, after laying them side by side where they are not yet. Nothing when one is not dense,
/// or a gradient of one is asked for, which a copy would not reach.
std::optional<DenseLinear> fuse_linears(std::span<const std::unique_ptr<Linear>> blocks);

/// True when a gradient of one of the blocks' parameters is asked for in this pass.
bool wants_gradient(std::span<const std::unique_ptr<Linear>> blocks);

}  // namespace assay
