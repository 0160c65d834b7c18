#include <cstdint>
#include <vector>

#include "harness/model/kernels/packed_cpu.h"
#include "harness/model/kernels/packed_layout.h"

// Highway compiles this file once for each instruction set; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/model/kernels/packed_unpack_cpu.cpp"
#include <hwy/foreach_target.h>
// clang-format off
#include <hwy/highway.h>
#include "harness/model/kernels/vectors-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

HWY_INLINE float load_scale(const std::uint16_t* from) {
  const hn::CappedTag<float, 1> one;
  const hn::Rebind<hwy::float16_t, decltype(one)> half;
  const auto* bits = reinterpret_cast<const hwy::float16_t*>(from);
  return hn::GetLane(hn::PromoteTo(one, hn::LoadU(half, bits)));
}

/// The weights of one unit, scale * (code - zero), in the order of the columns.
template <int kBits>
HWY_INLINE void unpack_unit(const std::uint8_t* low, const std::uint8_t* high, float scale,
                            float zero, float* out) {
  constexpr int kField = static_cast<int>(packed_field(kBits));
  constexpr std::int64_t kWords = packed_words(kBits), kFields = packed_fields(kBits);
  const hn::CappedTag<float, kWords> part;
  const hn::RebindToSigned<decltype(part)> integers;
  const hn::Rebind<std::uint16_t, decltype(part)> narrow;
  const hn::Rebind<std::uint8_t, decltype(part)> bytes;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(part));
  const auto mask = hn::Set(integers, (1 << kField) - 1);
  for (std::int64_t w = 0; w < kWords; w += lanes) {
    const auto* from = reinterpret_cast<const std::uint16_t*>(low) + w;
    auto words = hn::PromoteTo(integers, hn::LoadU(narrow, from));
    auto upper = hn::Zero(integers);
    if constexpr (kBits == 3) {
      upper = hn::ShiftLeft<2>(hn::PromoteTo(integers, hn::LoadU(bytes, high + w)));
    }
    for (std::int64_t f = 0; f < kFields; ++f) {
      auto code = hn::And(words, mask);
      if constexpr (kBits == 3) code = hn::Or(code, hn::And(upper, hn::Set(integers, 4)));
      const auto shifted = hn::Sub(hn::ConvertTo(part, code), hn::Set(part, zero));
      hn::StoreU(hn::Mul(shifted, hn::Set(part, scale)), part, out + f * kWords + w);
      words = hn::ShiftRight<kField>(words);
      upper = hn::ShiftRight<1>(upper);
    }
  }
}

/// `out` has room for whole units.
template <int kBits>
void unpack_row(const PackedView& matrix, std::int64_t row, float* out) {
  const std::uint8_t* low = matrix.codes + row * packed_row_bytes(matrix.cols, kBits);
  const std::uint8_t* high = low + packed_word_bytes(matrix.cols, kBits);
  for (std::int64_t u = 0; u < packed_units(matrix.cols); ++u) {
    const std::int64_t at = row * matrix.groups() + u * kPackedUnit / matrix.group;
    unpack_unit<kBits>(low, high, load_scale(matrix.scales + at), matrix.zeros[at],
                       out + u * kPackedUnit);
    low += 2 * packed_words(kBits);
    high += packed_words(kBits);
  }
}

void unpack_any(const PackedView& matrix, std::int64_t row, float* out) {
  switch (matrix.bits) {
    case 2:
      return unpack_row<2>(matrix, row, out);
    case 3:
      return unpack_row<3>(matrix, row, out);
    case 4:
      return unpack_row<4>(matrix, row, out);
    default:
      return unpack_row<8>(matrix, row, out);
  }
}

template <typename Element>
void unpack_rows(const PackedView& matrix, std::int64_t begin, std::int64_t end, Element* out) {
  std::vector<float> row(static_cast<std::size_t>(packed_units(matrix.cols) * kPackedUnit));
  for (std::int64_t r = begin; r < end; ++r, out += matrix.cols) {
    unpack_any(matrix, r, row.data());
    std::int64_t c = 0;
    for (; c + lane_count() <= matrix.cols; c += lane_count()) store(load(row.data() + c), out + c);
    for (; c < matrix.cols; ++c) out[c] = from_float<Element>(row[static_cast<std::size_t>(c)]);
  }
}

void unpack_f32(const PackedView& matrix, std::int64_t begin, std::int64_t end, float* out) {
  unpack_rows(matrix, begin, end, out);
}

void unpack_bf16(const PackedView& matrix, std::int64_t begin, std::int64_t end,
                 std::uint16_t* out) {
  unpack_rows(matrix, begin, end, out);
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay {

HWY_EXPORT(unpack_f32);
HWY_EXPORT(unpack_bf16);

void packed_dequantise_rows(const PackedView& matrix, std::int64_t begin, std::int64_t end,
                            float* out) {
  HWY_DYNAMIC_DISPATCH(unpack_f32)(matrix, begin, end, out);
}

void packed_dequantise_rows(const PackedView& matrix, std::int64_t begin, std::int64_t end,
                            std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(unpack_bf16)(matrix, begin, end, out);
}

}  // namespace assay
#endif
