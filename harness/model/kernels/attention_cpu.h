#pragma once
// The parts of causal attention that are not matrix products: packing of keys and values for
// oneDNN's small products, and the running softmax. Plain pointers, no torch types, one thread.
//
// Elements are float, or bfloat16 carried as its bits. bfloat16 matrices are packed in pairs along
// the dimension that the product sums over ("VNNI"): [k / 2][n][2].

#include <cstdint>

namespace assay {

/// Keys of one block stand side by side: a packed block of keys is [head_dim, kKeyBlock].
inline constexpr std::int64_t kKeyBlock = 512;

/// Rows [0, count) of keys, `stride` elements apart, become columns of a block; the columns up to
/// kKeyBlock become zero. head_dim is even.
void pack_keys(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t head_dim,
               float* block);
void pack_keys(const std::uint16_t* keys, std::int64_t stride, std::int64_t count,
               std::int64_t head_dim, std::uint16_t* block);

/// Rows [0, count) of values become rows of a block [kKeyBlock, head_dim]; the others zero.
void pack_values(const float* values, std::int64_t stride, std::int64_t count,
                 std::int64_t head_dim, float* block);
void pack_values(const std::uint16_t* values, std::int64_t stride, std::int64_t count,
                 std::int64_t head_dim, std::uint16_t* block);

/// Largest scaled score so far and the sum of exp(score - largest).
struct RunningSoftmax {
  float largest = 0;
  float sum = 0;
};

/// One row of scores against a block of keys. Turns the first `visible` (>= 1) scores into weights
/// exp(scale * score - largest), the others up to `count` into zero, and updates `state`; `first`
/// says that there was no block before. Returns what earlier sums of weighted values have to be
/// multiplied by. weights may be scores.
float softmax_block(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                    bool first, RunningSoftmax& state, float* weights);
float softmax_block(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                    bool first, RunningSoftmax& state, std::uint16_t* weights);

/// row *= factor.
void scale_row(float* row, std::int64_t count, float factor);
/// out = row * factor, rounded once.
void scale_row_to(const float* row, std::int64_t count, float factor, float* out);
void scale_row_to(const float* row, std::int64_t count, float factor, std::uint16_t* out);

}  // namespace assay
