#pragma once
// The product in the middle of attention: softmax(scores) times values, whatever becomes of scores.

#include <ATen/core/Tensor.h>

#include <optional>

namespace assay {

/// What becomes of the products of queries and keys.
struct ScoreForm {
  std::optional<double> scale;  ///< they are multiplied by it; nothing: by 1 / sqrt(head_dim)
  double softcap = 0;           ///< then become cap * tanh(score / cap); 0: they stay
};

/// Which keys a query sees, and how many weights are dropped.
struct ScoreMask {
  /// bool [..., queries, keys] (true = may attend) or f32 of these, to be added; or undefined
  at::Tensor mask;
  bool causal = false;  ///< without a mask: query i sees keys up to i
  double dropout = 0;
};

/// query [batch, heads, queries, head_dim], keys and values [batch, kv_heads, keys, head_dim],
/// where kv_heads divides heads -> [batch, heads, queries, head_dim]. ATen's fused product where
/// scores stay as they are, else written out, with scores in f32.
at::Tensor attention_product(const at::Tensor& query, const at::Tensor& keys,
                             const at::Tensor& values, const ScoreMask& mask,
                             const ScoreForm& form);

}  // namespace assay
