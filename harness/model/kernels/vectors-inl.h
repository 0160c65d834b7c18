// Loads and stores of fp32 and bfloat16 elements as fp32 vectors, once for each instruction set.
// Included after hwy/highway.h by files that Highway compiles several times.

#if defined(ASSAY_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_VECTORS_INL_H_
#undef ASSAY_VECTORS_INL_H_
#else
#define ASSAY_VECTORS_INL_H_
#endif

#include <algorithm>

#include "harness/model/kernels/bf16.h"

// g++ keeps an array of vectors in registers only where every loop over it is unrolled.
#undef ASSAY_UNROLL
#define ASSAY_UNROLL _Pragma("GCC unroll 16")

HWY_BEFORE_NAMESPACE();
namespace assay::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE std::int64_t lane_count() { return static_cast<std::int64_t>(hn::Lanes(D())); }

HWY_INLINE V load(const float* p) { return hn::LoadU(D(), p); }

HWY_INLINE V load(const std::uint16_t* p) {
  const hn::Rebind<std::uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, p))));
}

HWY_INLINE void store(V value, float* p) { hn::StoreU(value, D(), p); }

// To nearest, ties to even; NaN stays NaN. The same as bf16_from_float().
HWY_INLINE void store(V value, std::uint16_t* p) {
  const hn::Rebind<std::uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const hn::RebindToSigned<D> integers;
  const auto bits = hn::BitCast(wide, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto near = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7fff))));
  const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(wide, 0x40));
  const auto nan = hn::RebindMask(wide, hn::IsNaN(value));
  const auto result = hn::BitCast(integers, hn::IfThenElse(nan, quiet, near));
  hn::StoreU(hn::DemoteTo(narrow, result), narrow, p);
}

/// Two vectors of weights out of 2 * lanes elements. fp32 comes in its order; of bfloat16 the first
/// vector has the elements of even places and the second those of odd ones, because two elements
/// lie in one 32-bit word and one instruction each takes them out; gemv_arrange_bf16() puts x in
/// the same order.
HWY_INLINE void load_two(const float* p, V& first, V& second) {
  first = load(p);
  second = load(p + lane_count());
}

HWY_INLINE void load_two(const std::uint16_t* p, V& first, V& second) {
#if HWY_TARGET == HWY_SCALAR
  first = hn::Set(D(), to_float(p[0]));
  second = hn::Set(D(), to_float(p[1]));
#else
  const hn::Repartition<std::uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const auto words = hn::BitCast(wide, hn::LoadU(narrow, p));
  first = hn::BitCast(D(), hn::ShiftLeft<16>(words));
  second = hn::BitCast(D(), hn::And(words, hn::Set(wide, 0xffff0000U)));
#endif
}

/// The value after rounding to the element type.
HWY_INLINE V rounded(V value, const float*) { return value; }
HWY_INLINE V rounded(V value, const std::uint16_t*) {
  const hn::RebindToUnsigned<D> wide;
  const auto bits = hn::BitCast(wide, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto near = hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7fff)));
  const V cut = hn::BitCast(D(), hn::And(near, hn::Set(wide, 0xffff0000U)));
  return hn::IfThenElse(hn::IsNaN(value), value, cut);
}

/// e^x to 1.5 units in the last place: 2^n e^r with n the integer next to x / ln 2, r taken off in
/// two steps (Cody and Waite), and a polynomial for e^r whose relative error on [-ln 2 / 2, ln 2 /
/// 2] is 3e-9. Results below the smallest normal number are 0, those above e^88 are e^88, and NaN
/// stays NaN: a wrong model must not look right. Highway's Exp knows denormal results but not NaN,
/// and took 4.2 % of a perplexity pass in softmax where this takes 3.0 %.
HWY_INLINE V exponential(V x) {
  const hn::RebindToSigned<D> integers;
  const V shift = hn::Set(D(), 12582912.0F);  // 1.5 * 2^23: the sum's last bits are the integer
  const V bounded = hn::Min(x, hn::Set(D(), 88.0F));
  const V moved = hn::MulAdd(bounded, hn::Set(D(), 1.44269504F), shift);
  const V n = hn::Sub(moved, shift);
  V r = hn::NegMulAdd(n, hn::Set(D(), 0.693145752F), bounded);
  r = hn::NegMulAdd(n, hn::Set(D(), 1.42860677e-6F), r);
  V p = hn::MulAdd(hn::Set(D(), 0.00138145988F), r, hn::Set(D(), 0.00836871658F));
  p = hn::MulAdd(p, r, hn::Set(D(), 0.041668389F));
  p = hn::MulAdd(p, r, hn::Set(D(), 0.166665211F));
  p = hn::MulAdd(p, r, hn::Set(D(), 0.49999994F));
  const V one = hn::Set(D(), 1.0F);
  p = hn::MulAdd(hn::MulAdd(p, r, one), r, one);
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(integers, moved));
  const V scaled = hn::BitCast(D(), hn::Add(hn::BitCast(integers, p), exponent));
  const V normal = hn::IfThenZeroElse(hn::Lt(x, hn::Set(D(), -87.3365F)), scaled);
  return hn::IfThenElse(hn::IsNaN(x), x, normal);
}

HWY_INLINE float sum_of(V value) { return hn::GetLane(hn::SumOfLanes(D(), value)); }

/// Of `width` >= 1 elements.
template <typename Element>
HWY_INLINE float largest(const Element* x, std::int64_t width) {
  const std::int64_t lanes = lane_count();
  float result = to_float(x[0]);
  std::int64_t c = 0;
  if (width >= lanes) {
    V most = load(x);
    for (; c + lanes <= width; c += lanes) most = hn::Max(most, load(x + c));
    result = hn::GetLane(hn::MaxOfLanes(D(), most));
  }
  for (; c < width; ++c) result = std::max(result, to_float(x[c]));
  return result;
}

}  // namespace assay::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
