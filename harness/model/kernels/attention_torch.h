#pragma once
// Attention over whole sequences on a CPU.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace assay {

struct HeadLayout {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  double scale = 0;  ///< of the scores; 0: 1 / sqrt(head_dim)
  [[nodiscard]] float score_scale() const;
};

/// Rows [offset, offset + length) of a matrix.
struct RowSpan {
  std::int64_t offset = 0, length = 0;
};

/// True where blocked_attention() computes this: CPU, fp32 or bfloat16, nothing to differentiate,
/// and a processor for which oneDNN has its small products.
bool blocked_attention_applies(const at::Tensor& qkv, const HeadLayout& layout);

/// qkv [tokens, (heads + 2 kv_heads) * head_dim], query heads first, then keys, then values
/// -> context [tokens, heads * head_dim]. `sequences` follow each other and cover the rows; each
/// token sees those of its sequence, or `causal`ly itself and those before it.
///
/// Blocked with a running softmax (Dao et al., 2022). ATen's own runs through MKL, which on
/// processors that are not Intel's multiplies bfloat16 as fp32. Scores, softmax and sums are fp32;
/// weights are rounded to the element type before they meet the values. The same bits for any
/// number of threads, and for a sequence alone and among others.
at::Tensor blocked_attention(const at::Tensor& qkv, const std::vector<RowSpan>& sequences,
                             const HeadLayout& layout, bool causal);

}  // namespace assay
