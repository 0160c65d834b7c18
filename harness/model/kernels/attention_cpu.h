#pragma once
// The parts of attention over whole sequences that are not matrix products: packing of keys and
// values for oneDNN's small products, and the running softmax. Plain pointers, no torch types, one
// thread.
//
// Elements are float, or bfloat16 carried as its bits. bfloat16 matrices are packed in pairs along
// the dimension that the product sums over ("VNNI"): [k / 2][n][2].

#include <cstdint>

namespace assay {

/// Rows [0, count) of keys or values, `stride` elements apart, that become a block for `width`
/// (>= count, even) of them.
struct RowsToPack {
  std::int64_t stride = 0, count = 0, head_dim = 0;  ///< head_dim is even
  std::int64_t width = 0;
};

/// Keys of one block stand side by side: they become the columns of [head_dim, width]. Columns
/// without a key become zero.
void pack_keys(const float* keys, const RowsToPack& rows, float* block);
void pack_keys(const std::uint16_t* keys, const RowsToPack& rows, std::uint16_t* block);

/// Values become the rows of [width, head_dim]; the others zero.
void pack_values(const float* values, const RowsToPack& rows, float* block);
void pack_values(const std::uint16_t* values, const RowsToPack& rows, std::uint16_t* block);

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
