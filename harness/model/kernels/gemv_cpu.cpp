#include "harness/model/kernels/gemv_cpu.h"

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/gemv_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/cache_control.h>
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {
// A core waits for memory here, not for arithmetic: the hardware prefetcher stops at each page, so
// the loop asks for the weights itself, this many bytes ahead.
constexpr std::int64_t kPrefetchBytes = 2048;

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

/// kRows weight rows times kBatch activation rows. kUnroll independent sums hide the latency of the
/// FMA where there are few pairs; several rows share the loads of x where there are many.
template <int kRows, int kBatch, int kUnroll, typename Element>
HWY_INLINE void block_product(const GemvArgs<Element>& args, std::int64_t row) {
  const D d;
  const std::int64_t lanes = lane_count();
  constexpr std::int64_t kAhead = kPrefetchBytes / static_cast<std::int64_t>(sizeof(Element));
  const Element* w = args.weight + row * args.stride;
  V sums[kUnroll][kRows][kBatch];
  ASSAY_UNROLL for (auto& group : sums) {
    ASSAY_UNROLL for (auto& line : group) { ASSAY_UNROLL for (auto& sum : line) sum = hn::Zero(d); }
  }
  std::int64_t c = 0;
  for (; c + kUnroll * lanes <= args.cols; c += kUnroll * lanes) {
    ASSAY_UNROLL for (int u = 0; u < kUnroll; ++u) {
      const std::int64_t at = c + u * lanes;
      V weights[kRows];
      ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
        hwy::Prefetch(w + r * args.stride + at + kAhead);
        weights[r] = load(w + r * args.stride + at);
      }
      ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
        const V x = load(args.x + b * args.cols + at);
        ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
          sums[u][r][b] = hn::MulAdd(weights[r], x, sums[u][r][b]);
        }
      }
    }
  }
  for (; kUnroll > 1 && c + lanes <= args.cols; c += lanes) {
    ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
      const V weight = load(w + r * args.stride + c);
      ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
        sums[0][r][b] = hn::MulAdd(weight, load(args.x + b * args.cols + c), sums[0][r][b]);
      }
    }
  }
  ASSAY_UNROLL for (int r = 0; r < kRows; ++r) {
    ASSAY_UNROLL for (int b = 0; b < kBatch; ++b) {
      V sum = sums[0][r][b];
      ASSAY_UNROLL for (int u = 1; u < kUnroll; ++u) sum = hn::Add(sum, sums[u][r][b]);
      finish(args, row + r, b, c, hn::GetLane(hn::SumOfLanes(d, sum)));
    }
  }
}

template <int kRows, int kBatch, int kUnroll, typename Element>
void rows_product(const GemvArgs<Element>& args, std::int64_t begin, std::int64_t end) {
  std::int64_t row = begin;
  for (; row + kRows <= end; row += kRows) block_product<kRows, kBatch, kUnroll>(args, row);
  for (; row < end; ++row) block_product<1, kBatch, kUnroll>(args, row);
}

template <typename Element>
void dispatch(const GemvArgs<Element>& args, std::int64_t begin, std::int64_t end) {
  switch (args.batch) {
    case 1:
      return rows_product<1, 1, 4>(args, begin, end);
    case 2:
      return rows_product<1, 2, 2>(args, begin, end);
    case 3:
      return rows_product<2, 3, 1>(args, begin, end);
    case 4:
      return rows_product<2, 4, 1>(args, begin, end);
    case 5:
      return rows_product<2, 5, 1>(args, begin, end);
    case 6:
      return rows_product<2, 6, 1>(args, begin, end);
    case 7:
      return rows_product<2, 7, 1>(args, begin, end);
    default:
      return rows_product<2, 8, 1>(args, begin, end);
  }
}

void product_f32(const GemvArgs<float>& args, std::int64_t begin, std::int64_t end) {
  dispatch(args, begin, end);
}

void product_bf16(const GemvArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  dispatch(args, begin, end);
}

void widen(const std::uint16_t* from, std::int64_t count, float* to) {
  const std::int64_t lanes = lane_count();
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(load(from + i), to + i);
  for (; i < count; ++i) to[i] = to_float(from[i]);
}

const char* target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(product_f32);
HWY_EXPORT(product_bf16);
HWY_EXPORT(widen);
HWY_EXPORT(target);

void gemv_f32(const GemvArgs<float>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(product_f32)(args, begin, end);
}

void gemv_bf16(const GemvArgs<std::uint16_t>& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(product_bf16)(args, begin, end);
}

void widen_bf16(const std::uint16_t* from, std::int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(widen)(from, count, to);
}

const char* gemv_target() { return HWY_DYNAMIC_DISPATCH(target)(); }

}  // namespace assay
#endif
