#pragma once
// Numbers out of texts that others wrote: the whole text, within what the type holds, or nothing.

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace assay {

/// Of an integer or floating-point type, in decimal and without spaces or a plus sign before it.
/// Nothing for any other text and for what the type cannot hold. Floating point reads "inf" and
/// "nan" too.
template <typename Number>
std::optional<Number> number_from(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

/// "8 GiB", "13.5 MB", "5 %": a number and what it counts.
struct Amount {
  double number = 0;
  std::size_t decimals = 0;  ///< digits behind its point
  std::string_view unit;
};

/// Digits, perhaps with a point between them, then spaces, then the unit. Nothing for other texts
/// and for more digits than a double keeps.
std::optional<Amount> amount_from(std::string_view text);

}  // namespace assay
