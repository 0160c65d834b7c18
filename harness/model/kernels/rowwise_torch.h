#pragma once
// rowwise_cpu.h for tensors: checks and threads. Callers ask cpu_kernels_apply() first and use ATen
// where it says no.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace assay {

/// A contiguous CPU tensor of fp32 or bfloat16 with nothing to differentiate.
bool cpu_kernels_apply(const at::Tensor& tensor);

struct RmsNormForm {
  double eps = 1e-6;
  double offset = 0;         ///< added to the weight, in f32
  bool rounds_last = false;  ///< rounded once, when it is weighted
};
/// rows [n, width], weight [width] -> rows / rms(rows), rounded, times offset + weight.
at::Tensor rms_norm_cpu(const at::Tensor& rows, const at::Tensor& weight, const RmsNormForm& form);

/// both [n, 2 width], gate columns first -> silu(gate) * up [n, width].
at::Tensor silu_gate_cpu(const at::Tensor& both);

/// rows [n, >= heads * head_dim], cos and sin f32 [n, half]: rotates the leading heads in place.
/// `interleaved`: element 2 i turns with 2 i + 1, not i with i + half.
void rotate_heads_cpu(at::Tensor& rows, std::int64_t heads, std::int64_t head_dim,
                      const at::Tensor& cos, const at::Tensor& sin, bool interleaved = false);

/// qkv [batch, (heads + 2 kv_heads) * head_dim] of one token a sequence: its keys and values go to
/// `position` of the caches [batch, kv_heads, capacity, head_dim].
void append_one_cpu(const at::Tensor& qkv, std::int64_t heads, std::int64_t position,
                    at::Tensor& keys, at::Tensor& values);

/// One query per sequence over a static cache, without mask.
/// query [batch, heads * head_dim] with rows `query.stride(0)` apart; keys and values
/// [batch, kv_heads, capacity, head_dim] of which [first, end) are attended to
/// -> context [batch, heads * head_dim]. Scores are multiplied by `scale`.
at::Tensor attend_one_cpu(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                          std::int64_t heads, std::int64_t first, std::int64_t end, float scale);

}  // namespace assay
