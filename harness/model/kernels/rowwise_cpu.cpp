#include "harness/model/kernels/rowwise_cpu.h"

#include <algorithm>
#include <cmath>

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/rowwise_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

template <typename Element>
Element round_to(float value) {
  return from_float<Element>(value);
}

template <typename Element>
float sum_of_squares(const Element* x, std::int64_t width) {
  const std::int64_t lanes = lane_count();
  V even = hn::Zero(D()), odd = even;
  std::int64_t c = 0;
  for (; c + 2 * lanes <= width; c += 2 * lanes) {
    const V a = load(x + c), b = load(x + c + lanes);
    even = hn::MulAdd(a, a, even);
    odd = hn::MulAdd(b, b, odd);
  }
  float sum = sum_of(hn::Add(even, odd));
  for (; c < width; ++c) sum += to_float(x[c]) * to_float(x[c]);
  return sum;
}

template <typename Element>
void rms_norm(const Element* x, const Element* scale, const NormRows& shape, Element* out) {
  const std::int64_t lanes = lane_count(), width = shape.width;
  const V offset = hn::Set(D(), shape.offset);
  for (std::int64_t r = 0; r < shape.rows; ++r, x += width, out += width) {
    const float mean = sum_of_squares(x, width) / static_cast<float>(width);
    const float factor = 1.0F / std::sqrt(mean + shape.eps);
    const V factors = hn::Set(D(), factor);
    std::int64_t c = 0;
    for (; c + lanes <= width; c += lanes) {
      const V normed = hn::Mul(load(x + c), factors);
      const V weight = hn::Add(load(scale + c), offset);
      store(hn::Mul(shape.rounds_last ? normed : rounded(normed, x), weight), out + c);
    }
    for (; c < width; ++c) {
      const float normed = to_float(x[c]) * factor;
      const float first = shape.rounds_last ? normed : to_float(round_to<Element>(normed));
      out[c] = round_to<Element>(first * (to_float(scale[c]) + shape.offset));
    }
  }
}

HWY_INLINE V silu(V x) {
  const V one = hn::Set(D(), 1.0F);
  return hn::Div(x, hn::Add(one, exponential(hn::Neg(x))));
}

template <typename Element>
void silu_gate(const Element* both, std::int64_t rows, std::int64_t width, Element* out) {
  const std::int64_t lanes = lane_count();
  for (std::int64_t r = 0; r < rows; ++r, both += 2 * width, out += width) {
    std::int64_t c = 0;
    for (; c + lanes <= width; c += lanes) {
      store(hn::Mul(rounded(silu(load(both + c)), both), load(both + width + c)), out + c);
    }
    for (; c < width; ++c) {
      const float gate = to_float(both[c]);
      const float active = to_float(round_to<Element>(gate / (1.0F + std::exp(-gate))));
      out[c] = round_to<Element>(active * to_float(both[width + c]));
    }
  }
}

template <typename Element>
HWY_INLINE void rotate_head(Element* first, Element* second, const float* cos, const float* sin,
                            std::int64_t half) {
  const std::int64_t lanes = lane_count();
  std::int64_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const V a = load(first + i), b = load(second + i);
    const V c = load(cos + i), s = load(sin + i);
    store(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), first + i);
    store(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), second + i);
  }
  for (; i < half; ++i) {
    const float a = to_float(first[i]), b = to_float(second[i]);
    first[i] = round_to<Element>(a * cos[i] - b * sin[i]);
    second[i] = round_to<Element>(b * cos[i] + a * sin[i]);
  }
}

template <typename Element>
void rotate_neighbours(Element* head, const float* cos, const float* sin, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = to_float(head[2 * i]), b = to_float(head[2 * i + 1]);
    head[2 * i] = round_to<Element>(a * cos[i] - b * sin[i]);
    head[2 * i + 1] = round_to<Element>(b * cos[i] + a * sin[i]);
  }
}

template <typename Element>
void rotate(const RotateArgs<Element>& args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    for (std::int64_t h = 0; h < args.heads; ++h) {
      Element* head = args.rows + r * args.stride + h * args.head_dim;
      const float *cos = args.cos + r * args.half, *sin = args.sin + r * args.half;
      if (args.interleaved) {
        rotate_neighbours(head, cos, sin, args.half);
      } else {
        rotate_head(head, head + args.half, cos, sin, args.half);
      }
    }
  }
}

template <typename Element>
void running_sum(const Element* x, std::int64_t count, RunningSum& state) {
  const std::int64_t lanes = lane_count();
  const bool first = state.sum == 0;
  const float here = largest(x, count);
  const float most = first ? here : std::max(state.largest, here);
  const V offset = hn::Set(D(), most);
  V even = hn::Zero(D()), odd = even;
  std::int64_t c = 0;
  for (; c + 2 * lanes <= count; c += 2 * lanes) {
    even = hn::Add(even, exponential(hn::Sub(load(x + c), offset)));
    odd = hn::Add(odd, exponential(hn::Sub(load(x + c + lanes), offset)));
  }
  float sum = sum_of(hn::Add(even, odd));
  for (; c < count; ++c) sum += std::exp(to_float(x[c]) - most);
  state.sum = first ? sum : state.sum * std::exp(state.largest - most) + sum;
  state.largest = most;
}

/// kKeys scores at once: independent sums hide the latency of the FMA.
template <int kKeys, typename Element>
HWY_INLINE void score_block(const OneQueryArgs<Element>& args, std::int64_t first) {
  const std::int64_t lanes = lane_count();
  const std::int64_t width = args.head_dim;
  const Element* keys = args.keys + first * width;
  V sums[kKeys];
  ASSAY_UNROLL for (auto& sum : sums) sum = hn::Zero(D());
  std::int64_t c = 0;
  for (; c + lanes <= width; c += lanes) {
    const V query = load(args.query + c);
    ASSAY_UNROLL for (int k = 0; k < kKeys; ++k) {
      sums[k] = hn::MulAdd(query, load(keys + k * width + c), sums[k]);
    }
  }
  ASSAY_UNROLL for (int k = 0; k < kKeys; ++k) {
    float total = sum_of(sums[k]);
    for (std::int64_t t = c; t < width; ++t) {
      total += to_float(args.query[t]) * to_float(keys[k * width + t]);
    }
    args.scores[first + k] = args.scale * total;
  }
}

/// x becomes exp(x - largest); returns the sum.
HWY_INLINE float exponentials(float* x, std::int64_t count) {
  const std::int64_t lanes = lane_count();
  const float most = largest(x, count);
  const V offset = hn::Set(D(), most);
  V sums = hn::Zero(D());
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V weights = exponential(hn::Sub(load(x + i), offset));
    sums = hn::Add(sums, weights);
    store(weights, x + i);
  }
  float total = sum_of(sums);
  for (; i < count; ++i) {
    x[i] = std::exp(x[i] - most);
    total += x[i];
  }
  return total;
}

/// kVectors vectors of the context, all values: the sums stay in registers.
template <int kVectors, typename Element>
HWY_INLINE void context_block(const OneQueryArgs<Element>& args, float total, std::int64_t c) {
  const std::int64_t lanes = lane_count();
  V sums[kVectors];
  ASSAY_UNROLL for (auto& sum : sums) sum = hn::Zero(D());
  for (std::int64_t k = 0; k < args.count; ++k) {
    const V weight = hn::Set(D(), args.scores[k]);
    const Element* value = args.values + k * args.head_dim + c;
    ASSAY_UNROLL for (int v = 0; v < kVectors; ++v) {
      sums[v] = hn::MulAdd(weight, load(value + v * lanes), sums[v]);
    }
  }
  const V divisor = hn::Set(D(), total);
  ASSAY_UNROLL for (int v = 0; v < kVectors; ++v) {
    store(hn::Div(sums[v], divisor), args.context + c + v * lanes);
  }
}

template <typename Element>
void one_query(const OneQueryArgs<Element>& args) {
  std::int64_t k = 0;
  for (; k + 4 <= args.count; k += 4) score_block<4>(args, k);
  for (; k < args.count; ++k) score_block<1>(args, k);
  const float total = exponentials(args.scores, args.count);
  const std::int64_t lanes = lane_count();
  std::int64_t c = 0;
  for (; c + 4 * lanes <= args.head_dim; c += 4 * lanes) context_block<4>(args, total, c);
  for (; c + lanes <= args.head_dim; c += lanes) context_block<1>(args, total, c);
  for (; c < args.head_dim; ++c) {
    float sum = 0;
    for (k = 0; k < args.count; ++k) {
      sum += args.scores[k] * to_float(args.values[k * args.head_dim + c]);
    }
    args.context[c] = round_to<Element>(sum / total);
  }
}

void rms_norm_f32(const float* x, const float* scale, const NormRows& shape, float* out) {
  rms_norm(x, scale, shape, out);
}
void rms_norm_bf16(const std::uint16_t* x, const std::uint16_t* scale, const NormRows& shape,
                   std::uint16_t* out) {
  rms_norm(x, scale, shape, out);
}
void silu_gate_f32(const float* both, std::int64_t rows, std::int64_t width, float* out) {
  silu_gate(both, rows, width, out);
}
void silu_gate_bf16(const std::uint16_t* both, std::int64_t rows, std::int64_t width,
                    std::uint16_t* out) {
  silu_gate(both, rows, width, out);
}
void rotate_f32(const RotateArgs<float>& args, std::int64_t begin, std::int64_t end) {
  rotate(args, begin, end);
}
void rotate_bf16(const RotateArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  rotate(args, begin, end);
}
void running_sum_f32(const float* x, std::int64_t count, RunningSum& state) {
  running_sum(x, count, state);
}
void running_sum_bf16(const std::uint16_t* x, std::int64_t count, RunningSum& state) {
  running_sum(x, count, state);
}
void one_query_f32(const OneQueryArgs<float>& args) { one_query(args); }
void one_query_bf16(const OneQueryArgs<std::uint16_t>& args) { one_query(args); }

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(rms_norm_f32);
HWY_EXPORT(rms_norm_bf16);
HWY_EXPORT(silu_gate_f32);
HWY_EXPORT(silu_gate_bf16);
HWY_EXPORT(rotate_f32);
HWY_EXPORT(rotate_bf16);
HWY_EXPORT(running_sum_f32);
HWY_EXPORT(running_sum_bf16);
HWY_EXPORT(one_query_f32);
HWY_EXPORT(one_query_bf16);

void rms_norm_rows(const float* x, const float* scale, const NormRows& shape, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_f32)(x, scale, shape, out);
}
void rms_norm_rows(const std::uint16_t* x, const std::uint16_t* scale, const NormRows& shape,
                   std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_bf16)(x, scale, shape, out);
}
void silu_gate_rows(const float* both, std::int64_t rows, std::int64_t width, float* out) {
  HWY_DYNAMIC_DISPATCH(silu_gate_f32)(both, rows, width, out);
}
void silu_gate_rows(const std::uint16_t* both, std::int64_t rows, std::int64_t width,
                    std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(silu_gate_bf16)(both, rows, width, out);
}
void rotate_rows(const RotateArgs<float>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(rotate_f32)(args, begin, end);
}
void rotate_rows(const RotateArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(rotate_bf16)(args, begin, end);
}
void add_exponentials(const float* x, std::int64_t count, RunningSum& state) {
  HWY_DYNAMIC_DISPATCH(running_sum_f32)(x, count, state);
}
void add_exponentials(const std::uint16_t* x, std::int64_t count, RunningSum& state) {
  HWY_DYNAMIC_DISPATCH(running_sum_bf16)(x, count, state);
}
void attend_one_query(const OneQueryArgs<float>& args) {
  HWY_DYNAMIC_DISPATCH(one_query_f32)(args);
}
void attend_one_query(const OneQueryArgs<std::uint16_t>& args) {
  HWY_DYNAMIC_DISPATCH(one_query_bf16)(args);
}

}  // namespace assay
#endif
