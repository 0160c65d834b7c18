// Vectors of the 16-bit words that packed rows consist of (packed_layout.h), once for each
// instruction set. Included after hwy/highway.h by files that Highway compiles several times.

#if defined(ASSAY_PACKED_WORDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_PACKED_WORDS_INL_H_
#undef ASSAY_PACKED_WORDS_INL_H_
#else
#define ASSAY_PACKED_WORDS_INL_H_
#endif

#include <cstring>

#include "harness/model/kernels/packed_layout.h"
#include "harness/model/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {

/// Sums of products, exact; lane i of them belongs to words 2 i and 2 i + 1.
using I32 = hn::RebindToSigned<D>;
using Sums = hn::Vec<I32>;

#if HWY_TARGET == HWY_SCALAR

struct Words {
  std::uint16_t first, second;
};
struct Values {
  std::int32_t first, second;
};
constexpr std::int64_t kWords = 2;

HWY_INLINE Words make_words(int first, int second) {
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(second)};
}
HWY_INLINE Words load_words(const std::uint8_t* p) {
  return make_words(p[0] | p[1] << 8, p[2] | p[3] << 8);
}
HWY_INLINE Words load_upper(const std::uint8_t* p) { return make_words(p[0], p[1]); }
HWY_INLINE Values load_values(const std::int16_t* p) { return {p[0], p[1]}; }

template <int kShift>
HWY_INLINE Words shift_right(Words words) {
  return make_words(words.first >> kShift, words.second >> kShift);
}
HWY_INLINE Words low_bits(Words words, int mask) {
  return make_words(words.first & mask, words.second & mask);
}
HWY_INLINE Words with_upper(Words codes, Words upper) {
  return make_words(codes.first | (upper.first & 1) << 2, codes.second | (upper.second & 1) << 2);
}
HWY_INLINE Sums add_products(Sums sums, Words codes, Values values) {
  return hn::Add(sums, hn::Set(I32(), codes.first * values.first + codes.second * values.second));
}

#else

using U16 = hn::Repartition<std::uint16_t, D>;
using I16 = hn::Repartition<std::int16_t, D>;
using Words = hn::Vec<U16>;
using Values = hn::Vec<I16>;
constexpr std::int64_t kWords = HWY_LANES(std::uint16_t);

HWY_INLINE Words load_words(const std::uint8_t* p) {
  return hn::LoadU(U16(), reinterpret_cast<const std::uint16_t*>(p));
}
HWY_INLINE Words load_upper(const std::uint8_t* p) {
  return hn::PromoteTo(U16(), hn::LoadU(hn::Rebind<std::uint8_t, U16>(), p));
}
HWY_INLINE Values load_values(const std::int16_t* p) { return hn::LoadU(I16(), p); }

template <int kShift>
HWY_INLINE Words shift_right(Words words) {
  return hn::ShiftRight<kShift>(words);
}
HWY_INLINE Words low_bits(Words words, int mask) {
  return hn::And(words, hn::Set(U16(), static_cast<std::uint16_t>(mask)));
}
HWY_INLINE Words with_upper(Words codes, Words upper) {
  return hn::Or(codes, hn::ShiftLeft<2>(hn::And(upper, hn::Set(U16(), 1))));
}
HWY_INLINE Sums add_products(Sums sums, Words codes, Values values) {
#if HWY_TARGET == HWY_AVX3_DL
  // Highway's target lacks the compiler's flag for the intrinsic, but is chosen only where it runs.
  asm("vpdpwssd %2, %1, %0" : "+v"(sums.raw) : "v"(codes.raw), "v"(values.raw));
  return sums;
#elif HWY_ARCH_X86
  Sums unused = hn::Zero(I32());
  return hn::ReorderWidenMulAccumulate(I32(), hn::BitCast(I16(), codes), values, sums, unused);
#else
#error "add_products(): only on x86 does Highway promise which words are added to which lane"
#endif
}

#endif

/// Bits of a code as a type, and what follows from them.
template <int kBits>
struct Coding {
  static constexpr int kField = static_cast<int>(packed_field(kBits));
  static constexpr int kFields = static_cast<int>(packed_fields(kBits));
  static constexpr std::int64_t kVectorCols = kWords * kFields;
};

/// The words of one vector of one row.
template <int kBits>
struct Block {
  Words words, upper;

  HWY_INLINE void load_at(const std::uint8_t* low, const std::uint8_t* high) {
    words = load_words(low);
    if constexpr (kBits == 3) upper = load_upper(high);
  }

  /// The next field of every word, the lowest one first.
  HWY_INLINE Words take() {
    constexpr int kField = Coding<kBits>::kField;
    Words codes = low_bits(words, (1 << kField) - 1);
    words = shift_right<kField>(words);
    if constexpr (kBits == 3) {
      codes = with_upper(codes, upper);
      upper = shift_right<1>(upper);
    }
    return codes;
  }
};

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
