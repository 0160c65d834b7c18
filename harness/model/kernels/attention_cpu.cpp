#include "harness/model/kernels/attention_cpu.h"

#include <cstring>

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/attention_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

template <typename Element>
float softmax(const float* scores, std::int64_t visible, std::int64_t count, float scale,
              bool first, RunningSoftmax& state, Element* weights) {
  const std::int64_t lanes = lane_count();
  const float here = scale * largest(scores, visible);
  const float most = first ? here : std::max(state.largest, here);
  const V offset = hn::Set(D(), most), factor = hn::Set(D(), scale);
  V even = hn::Zero(D()), odd = even;
  std::int64_t i = 0;
  for (; i + 2 * lanes <= visible; i += 2 * lanes) {
    const V a = exponential(hn::MulSub(factor, load(scores + i), offset));
    const V b = exponential(hn::MulSub(factor, load(scores + i + lanes), offset));
    even = hn::Add(even, a);
    odd = hn::Add(odd, b);
    store(a, weights + i);
    store(b, weights + i + lanes);
  }
  float sum = sum_of(hn::Add(even, odd));
  for (; i < visible; ++i) {
    const float weight = std::exp(scale * scores[i] - most);
    sum += weight;
    weights[i] = from_float<Element>(weight);
  }
  std::fill(weights + visible, weights + count, Element{0});
  const float earlier = first ? 0.0F : std::exp(state.largest - most);
  state.sum = first ? sum : state.sum * earlier + sum;
  state.largest = most;
  return earlier;
}

template <typename Element>
void scaled(const float* row, std::int64_t count, float factor, Element* out) {
  const std::int64_t lanes = lane_count();
  const V factors = hn::Set(D(), factor);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(hn::Mul(load(row + i), factors), out + i);
  for (; i < count; ++i) out[i] = from_float<Element>(row[i] * factor);
}

float softmax_f32(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                  bool first, RunningSoftmax& state, float* weights) {
  return softmax(scores, visible, count, scale, first, state, weights);
}
float softmax_bf16(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                   bool first, RunningSoftmax& state, std::uint16_t* weights) {
  return softmax(scores, visible, count, scale, first, state, weights);
}
void scaled_f32(const float* row, std::int64_t count, float factor, float* out) {
  scaled(row, count, factor, out);
}
void scaled_bf16(const float* row, std::int64_t count, float factor, std::uint16_t* out) {
  scaled(row, count, factor, out);
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(softmax_f32);
HWY_EXPORT(softmax_bf16);
HWY_EXPORT(scaled_f32);
HWY_EXPORT(scaled_bf16);

namespace {

void transpose(const float* rows, const RowsToPack& shape, float* block) {
  std::fill(block, block + shape.head_dim * shape.width, 0.0F);
  constexpr std::int64_t kTile = 16;
  for (std::int64_t first = 0; first < shape.count; first += kTile) {
    const std::int64_t last = std::min(shape.count, first + kTile);
    for (std::int64_t c = 0; c < shape.head_dim; ++c) {
      for (std::int64_t r = first; r < last; ++r) {
        block[c * shape.width + r] = rows[r * shape.stride + c];
      }
    }
  }
}

}  // namespace

void pack_keys(const float* keys, const RowsToPack& rows, float* block) {
  transpose(keys, rows, block);
}

void pack_keys(const std::uint16_t* keys, const RowsToPack& rows, std::uint16_t* block) {
  std::fill(block, block + rows.head_dim * rows.width, std::uint16_t{0});
  for (std::int64_t r = 0; r < rows.count; ++r) {
    for (std::int64_t c = 0; c < rows.head_dim; c += 2) {
      std::memcpy(block + c * rows.width + 2 * r, keys + r * rows.stride + c,
                  2 * sizeof(std::uint16_t));
    }
  }
}

void pack_values(const float* values, const RowsToPack& rows, float* block) {
  for (std::int64_t r = 0; r < rows.count; ++r) {
    std::copy_n(values + r * rows.stride, rows.head_dim, block + r * rows.head_dim);
  }
  std::fill(block + rows.count * rows.head_dim, block + rows.width * rows.head_dim, 0.0F);
}

void pack_values(const std::uint16_t* values, const RowsToPack& rows, std::uint16_t* block) {
  std::fill(block, block + rows.width * rows.head_dim, std::uint16_t{0});
  for (std::int64_t r = 0; r < rows.count; ++r) {
    std::uint16_t* pair = block + (r / 2) * 2 * rows.head_dim + r % 2;
    for (std::int64_t c = 0; c < rows.head_dim; ++c) pair[2 * c] = values[r * rows.stride + c];
  }
}

float softmax_block(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                    bool first, RunningSoftmax& state, float* weights) {
  return HWY_DYNAMIC_DISPATCH(softmax_f32)(scores, visible, count, scale, first, state, weights);
}

float softmax_block(const float* scores, std::int64_t visible, std::int64_t count, float scale,
                    bool first, RunningSoftmax& state, std::uint16_t* weights) {
  return HWY_DYNAMIC_DISPATCH(softmax_bf16)(scores, visible, count, scale, first, state, weights);
}

void scale_row(float* row, std::int64_t count, float factor) {
  HWY_DYNAMIC_DISPATCH(scaled_f32)(row, count, factor, row);
}

void scale_row_to(const float* row, std::int64_t count, float factor, float* out) {
  HWY_DYNAMIC_DISPATCH(scaled_f32)(row, count, factor, out);
}

void scale_row_to(const float* row, std::int64_t count, float factor, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(scaled_bf16)(row, count, factor, out);
}

}  // namespace assay
#endif
