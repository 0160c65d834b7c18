#pragma once
// Products of a weight matrix with a few rows of activations, where the time is the time to read
// the weights. Plain pointers, no torch types: what parallelises and checks is gemv_torch.h.

#include <cstdint>

namespace assay {

/// Most activation rows that one call takes: beyond it a blocked matrix product is faster.
inline constexpr std::int64_t kGemvMaxBatch = 8;

/// y = x W^T + b over rows [begin, end) of W. Elements are float, or bfloat16 carried as its bits.
/// Sums are fp32 whatever the type; a bfloat16 result is rounded once, to nearest even.
template <typename Element>
struct GemvArgs {
  const Element* weight = nullptr;  ///< [rows, cols], rows `stride` elements apart
  std::int64_t cols = 0;
  std::int64_t stride = 0;
  const float* x = nullptr;       ///< [batch, cols] contiguous; for bfloat16, arranged
  std::int64_t batch = 1;         ///< 1 .. kGemvMaxBatch
  const Element* bias = nullptr;  ///< [rows] or null
  Element* y = nullptr;           ///< [batch, rows], rows `y_stride` elements apart
  std::int64_t y_stride = 0;
};

void gemv_f32(const GemvArgs<float>& args, std::int64_t begin, std::int64_t end);
void gemv_bf16(const GemvArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end);

/// One activation row of bfloat16 as gemv_bf16() wants it: fp32, exactly, in the order in which the
/// kernel of this processor takes weights apart. fp32 rows need nothing of the kind.
void gemv_arrange_bf16(const std::uint16_t* from, std::int64_t cols, float* to);

/// "AVX3", "AVX2", ...: the instruction set that the calls above run with here.
const char* gemv_target();

}  // namespace assay
