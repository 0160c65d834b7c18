// Activations in fixed point, in the order of the vectors of packed_cpu.cpp.
#include "harness/model/kernels/packed_cpu.h"

// The targets of packed_cpu.cpp: both must choose the same, with the same vectors.
#define HWY_WANT_AVX3_DL 1
// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/packed_input_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/packed_words-inl.h"
// clang-format on

#include <algorithm>
#include <array>
#include <cfloat>
#include <cstring>

#include "harness/model/kernels/packed_layout.h"

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

/// One unit of activations in fixed point.
struct FixedUnit {
  std::array<std::int16_t, kPackedUnit> values;
  float scale = 0;  ///< NaN when an activation is not finite
  float sum = 0;    ///< of the values
};

HWY_INLINE void round_unit(const float* x, FixedUnit& unit) {
  constexpr float kLargest = 32767.0F;
  V most = hn::Zero(D()), broken = hn::Zero(D()), sum = hn::Zero(D());
  for (std::int64_t c = 0; c < kPackedUnit; c += lane_count()) {
    most = hn::Max(most, hn::Abs(load(x + c)));
    broken = hn::MulAdd(load(x + c), hn::Zero(D()), broken);
  }
  const float top = hn::GetLane(hn::MaxOfLanes(D(), most));
  const V inverse = hn::Set(D(), top > kLargest * FLT_MIN ? kLargest / top : 0.0F);
  const hn::Rebind<std::int16_t, D> narrow;
  for (std::int64_t c = 0; c < kPackedUnit; c += lane_count()) {
    const auto rounded = hn::NearestInt(hn::Mul(load(x + c), inverse));
    hn::StoreU(hn::DemoteTo(narrow, rounded), narrow, unit.values.data() + c);
    sum = hn::Add(sum, hn::ConvertTo(D(), rounded));
  }
  unit.scale = top / kLargest + sum_of(broken);
  unit.sum = sum_of(sum);
}

/// Puts a unit where the vectors of its codes will look for it.
template <int kBits>
HWY_INLINE void place_unit(const FixedUnit& unit, std::int64_t index, std::int16_t* to) {
  constexpr std::int64_t kUnitWords = packed_words(kBits), kFields = packed_fields(kBits);
  constexpr std::int64_t kRun = std::min<std::int64_t>(kUnitWords, kWords);
  for (std::int64_t f = 0; f < kFields; ++f) {
    for (std::int64_t w = 0; w < kUnitWords; w += kRun) {
      const std::int64_t word = index * kUnitWords + w;
      std::memcpy(to + (word / kWords * kFields + f) * kWords + word % kWords,
                  unit.values.data() + f * kUnitWords + w, kRun * sizeof(std::int16_t));
    }
  }
}

template <int kBits>
void arrange_row(const PackedView& matrix, const float* x, std::int16_t* values, float* lane_scales,
                 float* group_sums) {
  constexpr std::int64_t kLanes = packed_words(kBits) / 2;
  FixedUnit unit;
  for (std::int64_t c = 0; c < matrix.cols; c += kPackedUnit) {
    std::array<float, kPackedUnit> last{};
    const float* from = x + c;
    if (c + kPackedUnit > matrix.cols) {
      std::copy(from, x + matrix.cols, last.begin());
      from = last.data();
    }
    round_unit(from, unit);
    place_unit<kBits>(unit, c / kPackedUnit, values);
    std::fill_n(lane_scales + c / kPackedUnit * kLanes, kLanes, unit.scale);
    group_sums[c / matrix.group] += unit.scale * unit.sum;
  }
}

void arrange(const PackedView& matrix, const float* x, std::int16_t* values, float* lane_scales,
             float* group_sums) {
  switch (matrix.bits) {
    case 4:
      return arrange_row<4>(matrix, x, values, lane_scales, group_sums);
    case 8:
      return arrange_row<8>(matrix, x, values, lane_scales, group_sums);
    default:
      return arrange_row<2>(matrix, x, values, lane_scales, group_sums);
  }
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(arrange);

PackedInputSizes packed_input_sizes(const PackedView& matrix) {
  constexpr std::int64_t kMaxLanes = 16;         // of 32 bits
  constexpr std::int64_t kMostVectorCols = 256;  // 2 bits in 512
  const std::int64_t cols = (matrix.cols + kMostVectorCols - 1) / kMostVectorCols * kMostVectorCols;
  const std::int64_t lane_cols = kPackedUnit / (packed_words(matrix.bits) / 2);
  return {cols, cols / lane_cols, (matrix.groups() + kMaxLanes - 1) / kMaxLanes * kMaxLanes};
}

void packed_arrange(const PackedView& matrix, const float* x, std::int64_t row,
                    const PackedInput& to) {
  const PackedInputSizes sizes = packed_input_sizes(matrix);
  HWY_DYNAMIC_DISPATCH(arrange)
  (matrix, x, to.values + row * sizes.values, to.lane_scales + row * sizes.lane_scales,
   to.group_sums + row * sizes.group_sums);
}

}  // namespace assay
#endif
