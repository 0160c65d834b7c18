#pragma once
// Causal attention of whole sequences on a CPU.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

struct HeadLayout {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
};

/// True where causal_attention() computes this: CPU, fp32 or bfloat16, nothing to differentiate,
/// and a processor for which oneDNN has its small products.
bool causal_attention_applies(const at::Tensor& qkv, const HeadLayout& layout);

/// qkv [batch * tokens, (heads + 2 kv_heads) * head_dim], query heads first, then keys, then values
/// -> context [batch * tokens, heads * head_dim]. Each token sees itself and those before it in its
/// sequence; scores are scaled by 1 / sqrt(head_dim).
///
/// Blocked with a running softmax (Dao et al., 2022). ATen's own runs through MKL, which on
/// processors that are not Intel's multiplies bfloat16 as fp32. Scores, softmax and sums are fp32;
/// weights are rounded to the element type before they meet the values. The same bits for any
/// number of threads.
at::Tensor causal_attention(const at::Tensor& qkv, std::int64_t batch, const HeadLayout& layout);

}  // namespace assay
