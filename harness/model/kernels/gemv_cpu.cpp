#include "harness/model/kernels/gemv_cpu.h"

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/gemv_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {
template <typename Element>
HWY_INLINE void finish(const GemvArgs<Element>& args, std::int64_t row, std::int64_t b,
                       std::int64_t done, float total) {
  const Element* w = args.weight + row * args.stride;
  for (std::int64_t k = done; k < args.cols; ++k) {
    total += to_float(w[k]) * args.x[b * args.cols + k];
  }
  if (args.bias != nullptr) total += to_float(args.bias[row]);
  args.y[b * args.y_stride + row] = from_float<Element>(total);
}

/// One weight row times kBatch activation rows. Rows are read one after the other, as they lie: the
/// processor's own prefetching then runs at the full rate, which neither several rows at a time nor
/// prefetch instructions reached. kSums independent sums a product hide the latency of the FMA.
template <int kBatch, int kSums, typename Element>
HWY_INLINE void row_product(const GemvArgs<Element>& args, std::int64_t row) {
  const std::int64_t lanes = lane_count();
  const Element* w = args.weight + row * args.stride;
  constexpr int kPairs = kSums > 2 ? kSums / 2 : 1;
  V sums[kBatch][kSums];
  ASSAY_UNROLL for (auto& line : sums) { ASSAY_UNROLL for (auto& sum : line) sum = hn::Zero(D()); }
  std::int64_t c = 0;
  const auto add_pair = [&](int pair) HWY_ATTR {
    V first, second;
    load_two(w + c, first, second);
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
      const float* x = args.x + b * args.cols + c;
      V& even = sums[b][2 * pair % kSums];
      V& odd = sums[b][(2 * pair + 1) % kSums];
      even = hn::MulAdd(first, load(x), even);
      odd = hn::MulAdd(second, load(x + lanes), odd);
    }
    c += 2 * lanes;
  };
  while (c + 2 * kPairs * lanes <= args.cols) {
    ASSAY_UNROLL for (int pair = 0; pair < kPairs; ++pair) add_pair(pair);
  }
  while (kPairs > 1 && c + 2 * lanes <= args.cols) add_pair(0);
  ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
    V sum = sums[b][0];
    ASSAY_UNROLL for (int i = 1; i < kSums; ++i) sum = hn::Add(sum, sums[b][i]);
    finish(args, row, b, c, sum_of(sum));
  }
}

template <int kBatch, int kSums, typename Element>
void rows_product(const GemvArgs<Element>& args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) row_product<kBatch, kSums>(args, row);
}

template <typename Element>
void dispatch(const GemvArgs<Element>& args, std::int64_t begin, std::int64_t end) {
  switch (args.batch) {
    case 1:
      return rows_product<1, 4>(args, begin, end);
    case 2:
      return rows_product<2, 2>(args, begin, end);
    case 3:
      return rows_product<3, 2>(args, begin, end);
    case 4:
      return rows_product<4, 2>(args, begin, end);
    case 5:
      return rows_product<5, 1>(args, begin, end);
    case 6:
      return rows_product<6, 1>(args, begin, end);
    case 7:
      return rows_product<7, 1>(args, begin, end);
    default:
      return rows_product<8, 1>(args, begin, end);
  }
}

void product_f32(const GemvArgs<float>& args, std::int64_t begin, std::int64_t end) {
  dispatch(args, begin, end);
}

void product_bf16(const GemvArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  dispatch(args, begin, end);
}

void arrange(const std::uint16_t* from, std::int64_t cols, float* to) {
  const std::int64_t lanes = lane_count();
  std::int64_t c = 0;
  for (; c + 2 * lanes <= cols; c += 2 * lanes) {
    V even, odd;
    load_two(from + c, even, odd);
    store(even, to + c);
    store(odd, to + c + lanes);
  }
  for (; c < cols; ++c) to[c] = to_float(from[c]);
}

const char* target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(product_f32);
HWY_EXPORT(product_bf16);
HWY_EXPORT(arrange);
HWY_EXPORT(target);

void gemv_f32(const GemvArgs<float>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(product_f32)(args, begin, end);
}

void gemv_bf16(const GemvArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(product_bf16)(args, begin, end);
}

void gemv_arrange_bf16(const std::uint16_t* from, std::int64_t cols, float* to) {
  HWY_DYNAMIC_DISPATCH(arrange)(from, cols, to);
}

const char* gemv_target() { return HWY_DYNAMIC_DISPATCH(target)(); }

}  // namespace assay
#endif
