#include "harness/model/kernels/few_rows_cpu.h"

#include <algorithm>

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/few_rows_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/cache_control.h>
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

/// Vectors of a panel, and outputs that are summed at once: with 32 registers, 16 sums hide the
/// latency of the FMA and a load feeds eight of them.
constexpr int kVectors = 2;
#if HWY_TARGET <= HWY_AVX3
constexpr int kOutputs = 8;
#else
constexpr int kOutputs = 4;
#endif

constexpr std::int64_t kLineFloats = 16;  // of a cache line

HWY_INLINE std::int64_t panel_width() { return kVectors * lane_count(); }

/// A matrix that is written turned round: to[c * to_stride + r] = from[r * from_stride + c].
struct Turned {
  const float* from;
  std::int64_t from_stride;
  float* to;
  std::int64_t to_stride;
};

/// Four by four.
HWY_INLINE void turn_tile(const Turned& matrix, std::int64_t r, std::int64_t c) {
  const float* from = matrix.from + r * matrix.from_stride + c;
  float* to = matrix.to + c * matrix.to_stride + r;
#if HWY_TARGET == HWY_SCALAR
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 4; ++j)
      to[j * matrix.to_stride + i] = from[i * matrix.from_stride + j];
  }
#else
  const hn::Full128<float> d;
  const std::int64_t stride = matrix.from_stride;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + stride);
  const auto e = hn::LoadU(d, from + 2 * stride), f = hn::LoadU(d, from + 3 * stride);
  const auto low_ab = hn::InterleaveLower(d, a, b), low_ef = hn::InterleaveLower(d, e, f);
  const auto high_ab = hn::InterleaveUpper(d, a, b), high_ef = hn::InterleaveUpper(d, e, f);
  hn::StoreU(hn::ConcatLowerLower(d, low_ef, low_ab), d, to);
  hn::StoreU(hn::ConcatUpperUpper(d, low_ef, low_ab), d, to + matrix.to_stride);
  hn::StoreU(hn::ConcatLowerLower(d, high_ef, high_ab), d, to + 2 * matrix.to_stride);
  hn::StoreU(hn::ConcatUpperUpper(d, high_ef, high_ab), d, to + 3 * matrix.to_stride);
#endif
}

/// Rows [0, rows) and columns [begin, end); those beyond whole tiles go one by one.
HWY_INLINE void turn(const Turned& matrix, std::int64_t rows, std::int64_t begin,
                     std::int64_t end) {
  std::int64_t c = begin;
  for (; c + 4 <= end; c += 4) {
    std::int64_t r = 0;
    for (; r + 4 <= rows; r += 4) turn_tile(matrix, r, c);
    for (; r < rows; ++r) {
      for (std::int64_t i = c; i < c + 4; ++i) {
        matrix.to[i * matrix.to_stride + r] = matrix.from[r * matrix.from_stride + i];
      }
    }
  }
  for (; c < end; ++c) {
    for (std::int64_t r = 0; r < rows; ++r) {
      matrix.to[c * matrix.to_stride + r] = matrix.from[r * matrix.from_stride + c];
    }
  }
}

void pack(const PackPanelsArgs& args, std::int64_t begin, std::int64_t end) {
  const std::int64_t width = panel_width();
  for (std::int64_t first = 0; first < args.count; first += width) {
    const std::int64_t rows = std::min(width, args.count - first);
    float* panel = args.panels + first * args.cols;
    turn({args.rows + first * args.cols, args.cols, panel, width}, rows, begin, end);
    if (rows == width) continue;
    for (std::int64_t c = begin; c < end; ++c) {
      std::fill(panel + c * width + rows, panel + (c + 1) * width, 0.0F);
    }
  }
}

/// kCount outputs from `output` on, with kWide vectors of the rows from `first` on.
template <int kCount, int kWide>
HWY_INLINE void tile(const FewRowsArgs& args, std::int64_t output, std::int64_t first) {
  const std::int64_t lanes = lane_count(), width = panel_width(), cols = args.cols;
  const float* weight = args.weight + output * cols;
  const float* panel = args.panels + first * cols;
  V sums[kCount][kWide];
  ASSAY_UNROLL for (int i = 0; i < kCount; ++i) {
    const V start = args.bias == nullptr ? hn::Zero(D()) : hn::Set(D(), args.bias[output + i]);
    ASSAY_UNROLL for (int v = 0; v < kWide; ++v) sums[i][v] = start;
  }
  // The next tile's weights lie behind these; a processor that only watches would see kCount short
  // streams and be late for each.
  const float* next = weight + kCount * cols;
  for (std::int64_t k = 0; k < cols; ++k, panel += width) {
    if (k * kCount % kLineFloats == 0) hwy::Prefetch(next + k * kCount);
    V rows[kWide];
    ASSAY_UNROLL for (int v = 0; v < kWide; ++v) rows[v] = load(panel + v * lanes);
    ASSAY_UNROLL for (int i = 0; i < kCount; ++i) {
      const V factor = hn::Set(D(), weight[i * cols + k]);
      ASSAY_UNROLL for (int v = 0; v < kWide; ++v) {
        sums[i][v] = hn::MulAdd(factor, rows[v], sums[i][v]);
      }
    }
  }
  HWY_ALIGN float done[kCount * kVectors * hn::MaxLanes(D())];
  ASSAY_UNROLL for (int i = 0; i < kCount; ++i) {
    ASSAY_UNROLL for (int v = 0; v < kWide; ++v) store(sums[i][v], done + i * width + v * lanes);
  }
  const std::int64_t rows = std::min(kWide * lanes, args.count - first);
  turn({done, width, args.out + first * args.width + output, args.width}, kCount, 0, rows);
}

/// Whole tiles of kCount outputs, then the others one by one.
template <int kCount, int kWide>
HWY_INLINE void panel_product(const FewRowsArgs& args, std::int64_t begin, std::int64_t end,
                              std::int64_t first) {
  std::int64_t output = begin;
  for (; output + kCount <= end; output += kCount) tile<kCount, kWide>(args, output, first);
  for (; output < end; ++output) tile<1, kWide>(args, output, first);
}

void product(const FewRowsArgs& args, std::int64_t begin, std::int64_t end) {
  const std::int64_t lanes = lane_count();
  for (std::int64_t first = 0; first < args.count; first += kVectors * lanes) {
    if (args.count - first > lanes) {
      panel_product<kOutputs, kVectors>(args, begin, end, first);
    } else {
      panel_product<kVectors * kOutputs, 1>(args, begin, end, first);
    }
  }
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(panel_width);
HWY_EXPORT(pack);
HWY_EXPORT(product);

std::int64_t few_rows_panel() { return HWY_DYNAMIC_DISPATCH(panel_width)(); }

void pack_panels(const PackPanelsArgs& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(pack)(args, begin, end);
}

void few_rows_product(const FewRowsArgs& args, std::int64_t begin, std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(product)(args, begin, end);
}

}  // namespace assay
#endif
