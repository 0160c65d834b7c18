#pragma once
// A value and its interval in as few digits as the interval is worth, for narrow tables.

#include <optional>
#include <string>

namespace assay {

struct FoldedNumber {
  std::string value;
  std::string interval;  ///< "±0.12", "[16.1,19.8]", or "" without one
};

/// The half width of the interval in two digits, and the value to the same place, but in no more
/// than the four digits of number_text. Sides that agree to 10 % are one "±", others are both
/// written. Whatever is rounded is rounded outwards: the range shown holds the whole interval.
FoldedNumber folded_number(double value, std::optional<double> lo, std::optional<double> hi);

/// What a reader must know of such numbers.
std::string folding_legend();

}  // namespace assay
