#pragma once
// Small row-by-row operations of the dense path, each one pass over its rows. Plain pointers, no
// torch types, one thread: rowwise_torch.h parallelises and checks.
//
// Elements are float, or bfloat16 carried as its bits; arithmetic is fp32. Intermediate results are
// rounded to the element type exactly where the usual sequence of tensor operations rounds them.

#include <cstdint>

namespace assay {

struct NormRows {
  std::int64_t rows = 0, width = 0;
  float eps = 0;
  float offset = 0;          ///< added to the scale
  bool rounds_last = false;  ///< x / rms(x) is not rounded before it meets the scale
};
/// out = (x / rms(x), rounded) * (offset + scale) for each contiguous row.
void rms_norm_rows(const float* x, const float* scale, const NormRows& shape, float* out);
void rms_norm_rows(const std::uint16_t* x, const std::uint16_t* scale, const NormRows& shape,
                   std::uint16_t* out);

/// out [rows, width] = (silu(gate), rounded) * up, for both = [rows, gate then up of `width`].
void silu_gate_rows(const float* both, std::int64_t rows, std::int64_t width, float* out);
void silu_gate_rows(const std::uint16_t* both, std::int64_t rows, std::int64_t width,
                    std::uint16_t* out);

/// Rotates leading heads in place: elements i and i + half of each head, or 2 i and 2 i + 1, by the
/// row's angle i.
template <typename Element>
struct RotateArgs {
  Element* rows = nullptr;  ///< row r starts at rows + r * stride
  std::int64_t stride = 0;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t half = 0;       ///< half of the rotated part
  bool interleaved = false;    ///< the pairs are neighbours
  const float* cos = nullptr;  ///< [rows, half]
  const float* sin = nullptr;
};
void rotate_rows(const RotateArgs<float>& args, std::int64_t begin, std::int64_t end);
void rotate_rows(const RotateArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end);

/// Running log-sum-exp of a row that comes in pieces: log sum exp = largest + log(sum).
struct RunningSum {
  float largest = 0;
  float sum = 0;  ///< of exp(x - largest); 0 before the first piece
};
void add_exponentials(const float* x, std::int64_t count, RunningSum& state);
void add_exponentials(const std::uint16_t* x, std::int64_t count, RunningSum& state);

/// Attention of one query over `count` keys and values, rows of head_dim elements one after the
/// other. Scores, weights and sums stay fp32; the context is rounded once.
template <typename Element>
struct OneQueryArgs {
  const Element* query = nullptr;
  const Element* keys = nullptr;
  const Element* values = nullptr;
  std::int64_t count = 0;
  std::int64_t head_dim = 0;
  float scale = 1;          ///< of the scores
  float* scores = nullptr;  ///< scratch [count]
  Element* context = nullptr;
};
void attend_one_query(const OneQueryArgs<float>& args);
void attend_one_query(const OneQueryArgs<std::uint16_t>& args);

}  // namespace assay
