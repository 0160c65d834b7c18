#include "harness/model/kernels/gathered_cpu.h"

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/gathered_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

/// A whole vector is stored for what remains of one: the compressing store instruction is slow on
/// some processors. It never reaches beyond what has been read.
std::int64_t compact(const float* z, const float* low, const float* high, std::int64_t begin,
                     std::int64_t end, std::int32_t* out) {
  const hn::RebindToSigned<D> integers;
  const std::int64_t lanes = lane_count();
  std::int64_t found = 0, n = begin;
  for (; n + lanes <= end; n += lanes) {
    const V value = load(z + n);
    const auto inside = hn::And(hn::Ge(value, load(low + n)), hn::Le(value, load(high + n)));
    if (hn::AllTrue(D(), inside)) continue;
    const auto outside = hn::RebindMask(integers, hn::Not(inside));
    const auto places = hn::Iota(integers, static_cast<std::int32_t>(n));
    hn::StoreU(hn::Compress(places, outside), integers, out + found);
    found += static_cast<std::int64_t>(hn::CountTrue(integers, outside));
  }
  for (; n < end; ++n) {
    if (!(z[n] >= low[n] && z[n] <= high[n])) out[found++] = static_cast<std::int32_t>(n);
  }
  return found;
}

/// Four independent sums hide the latency of the FMA.
template <typename Element>
HWY_INLINE float dot(const Element* row, const float* x, std::int64_t width) {
  const std::int64_t lanes = lane_count();
  V sums[4];
  ASSAY_UNROLL for (V& sum : sums) sum = hn::Zero(D());
  std::int64_t c = 0;
  const auto add_two = [&](V& even, V& odd) HWY_ATTR {
    V first, second;
    load_two(row + c, first, second);
    even = hn::MulAdd(first, load(x + c), even);
    odd = hn::MulAdd(second, load(x + c + lanes), odd);
    c += 2 * lanes;
  };
  while (c + 4 * lanes <= width) {
    add_two(sums[0], sums[1]);
    add_two(sums[2], sums[3]);
  }
  if (c + 2 * lanes <= width) add_two(sums[0], sums[1]);
  float total = sum_of(hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3])));
  for (; c < width; ++c) total += to_float(row[c]) * x[c];
  return total;
}

template <typename Element>
void dot_rows(const GatherArgs<Element>& args, const float* x, const Element* bias,
              std::int64_t begin, std::int64_t end, float* out) {
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t neuron = args.indices[i];
    out[i] = dot(args.weight + neuron * args.stride, x, args.width) +
             (bias == nullptr ? 0.0F : to_float(bias[neuron]));
  }
}

/// Rows i .. i + kRows: y is read and written once for all of them.
template <int kRows, typename Element>
HWY_INLINE void add_some(const GatherArgs<Element>& args, const float* coefficients, std::int64_t i,
                         std::int64_t begin, std::int64_t end, float* y) {
  const Element* rows[kRows];
  V factors[kRows];
  ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
    rows[r] = args.weight + args.indices[i + r] * args.stride;
    factors[r] = hn::Set(D(), coefficients[i + r]);
  }
  std::int64_t c = begin;
  for (; c + lane_count() <= end; c += lane_count()) {
    V sum = load(y + c);
    ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
      sum = hn::MulAdd(factors[r], load(rows[r] + c), sum);
    }
    store(sum, y + c);
  }
  for (; c < end; ++c) {
    for (int r = 0; r < kRows; ++r) y[c] += coefficients[i + r] * to_float(rows[r][c]);
  }
}

template <typename Element>
void add_rows(const GatherArgs<Element>& args, const float* coefficients, std::int64_t begin,
              std::int64_t end, float* y) {
  std::int64_t i = 0;
  for (; i + 4 <= args.count; i += 4) add_some<4>(args, coefficients, i, begin, end, y);
  for (; i < args.count; ++i) add_some<1>(args, coefficients, i, begin, end, y);
}

void dot_rows_f32(const GatherArgs<float>& args, const float* x, const float* bias,
                  std::int64_t begin, std::int64_t end, float* out) {
  dot_rows(args, x, bias, begin, end, out);
}
void dot_rows_bf16(const GatherArgs<std::uint16_t>& args, const float* x, const std::uint16_t* bias,
                   std::int64_t begin, std::int64_t end, float* out) {
  dot_rows(args, x, bias, begin, end, out);
}
void add_rows_f32(const GatherArgs<float>& args, const float* coefficients, std::int64_t begin,
                  std::int64_t end, float* y) {
  add_rows(args, coefficients, begin, end, y);
}
void add_rows_bf16(const GatherArgs<std::uint16_t>& args, const float* coefficients,
                   std::int64_t begin, std::int64_t end, float* y) {
  add_rows(args, coefficients, begin, end, y);
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(compact);
HWY_EXPORT(dot_rows_f32);
HWY_EXPORT(dot_rows_bf16);
HWY_EXPORT(add_rows_f32);
HWY_EXPORT(add_rows_bf16);

std::int64_t compact_outside(const float* z, const float* low, const float* high,
                             std::int64_t begin, std::int64_t end, std::int32_t* out) {
  return HWY_DYNAMIC_DISPATCH(compact)(z, low, high, begin, end, out);
}

void gather_dot(const GatherArgs<float>& args, const float* x, const float* bias,
                std::int64_t begin, std::int64_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(dot_rows_f32)(args, x, bias, begin, end, out);
}
void gather_dot(const GatherArgs<std::uint16_t>& args, const float* x, const std::uint16_t* bias,
                std::int64_t begin, std::int64_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(dot_rows_bf16)(args, x, bias, begin, end, out);
}

void gather_add(const GatherArgs<float>& args, const float* coefficients, std::int64_t begin,
                std::int64_t end, float* y) {
  HWY_DYNAMIC_DISPATCH(add_rows_f32)(args, coefficients, begin, end, y);
}
void gather_add(const GatherArgs<std::uint16_t>& args, const float* coefficients,
                std::int64_t begin, std::int64_t end, float* y) {
  HWY_DYNAMIC_DISPATCH(add_rows_bf16)(args, coefficients, begin, end, y);
}

}  // namespace assay
#endif
