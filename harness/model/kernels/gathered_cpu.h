#pragma once
// Products with chosen rows of a matrix. Plain pointers, no torch types, one thread: gathered.h
// checks and parallelises. Elements are float, or bfloat16 carried as its bits; sums are fp32.

#include <cstdint>

namespace assay {

/// Chosen rows of weight [neurons, width], rows `stride` elements apart.
template <typename Element>
struct GatherArgs {
  const Element* weight = nullptr;
  std::int64_t stride = 0, width = 0;
  const std::int32_t* indices = nullptr;
  std::int64_t count = 0;
};

/// Those of the neurons [begin, end) whose z lies outside [low, high], ascending, to `out`, which
/// has room for all of them and may be written beyond the result. Returns how many.
std::int64_t compact_outside(const float* z, const float* low, const float* high,
                             std::int64_t begin, std::int64_t end, std::int32_t* out);

/// out[i] = x . row i + bias[indices[i]] for the chosen rows i of [begin, end). x [width]: for
/// bfloat16 rows as gemv_arrange_bf16() leaves it. bias may be null.
void gather_dot(const GatherArgs<float>& args, const float* x, const float* bias,
                std::int64_t begin, std::int64_t end, float* out);
void gather_dot(const GatherArgs<std::uint16_t>& args, const float* x, const std::uint16_t* bias,
                std::int64_t begin, std::int64_t end, float* out);

/// y[c] += sum_i coefficients[i] * row i[c] for columns [begin, end), in the order of i.
void gather_add(const GatherArgs<float>& args, const float* coefficients, std::int64_t begin,
                std::int64_t end, float* y);
void gather_add(const GatherArgs<std::uint16_t>& args, const float* coefficients,
                std::int64_t begin, std::int64_t end, float* y);

}  // namespace assay
