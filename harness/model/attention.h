#pragma once
// The attention block of a loaded model.

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>

#include "harness/model/slots.h"

namespace assay {

/// Shape of attention in one layer.
struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t sliding_window = 0;  ///< 0: none
};

/// Grouped-query attention with optional rotation, masks and cache. While q, k and v are the
/// original weights, they are one product; a replaced slot makes it three.
class StandardAttention final : public Attention {
 public:
  /// qkv: rows in the order q, k, v: [(heads + 2 kv_heads) * head_dim, width].
  StandardAttention(const AttentionShape& shape, DenseLinear qkv, DenseLinear out);

  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override;
  [[nodiscard]] Linear* linear(LinearRole role) const override;
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Attention> clone() const override;

 private:
  StandardAttention() = default;
  void view_fused();
  [[nodiscard]] at::Tensor project(const at::Tensor& rows) const;
  /// First cached position that a single query sees.
  [[nodiscard]] std::int64_t first_key(const StepContext& step) const;
  [[nodiscard]] at::Tensor attend(const at::Tensor& qkv, StepContext& step) const;
  [[nodiscard]] at::Tensor attend_segments(const at::Tensor& query, const at::Tensor& key,
                                           const at::Tensor& value, const StepContext& step) const;
  [[nodiscard]] at::Tensor attend_one(const at::Tensor& query, const at::Tensor& key,
                                      const at::Tensor& value, const at::Tensor& mask) const;

  AttentionShape shape_;
  std::optional<DenseLinear> fused_;              ///< empty once a slot was replaced
  std::array<std::unique_ptr<Linear>, 4> slots_;  ///< q, k, v, o
};

}  // namespace assay
