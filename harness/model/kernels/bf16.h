#pragma once
// bfloat16 carried as its bits, for kernels that know no torch types.

#include <bit>
#include <cmath>
#include <cstdint>

namespace assay {

inline float to_float(float value) { return value; }
inline float to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// To nearest, ties to even; NaN stays NaN.
inline std::uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <typename Element>
Element from_float(float value) {
  if constexpr (sizeof(Element) == sizeof(float)) {
    return value;
  } else {
    return bf16_from_float(value);
  }
}

}  // namespace assay
