#pragma once
// Numbers as a reader wants them.

#include <optional>
#include <string>
#include <vector>

namespace assay {

/// How all values of one column are written: divided by `divisor`, with `unit`.
struct NumberStyle {
  double divisor = 1;
  std::string unit;
  bool whole = false;  ///< counts: written without a point
};

/// Seconds become ms or us, bytes KiB to GiB, chosen by the smallest nonzero value; other units
/// stay.
NumberStyle style_for(const std::string& unit, const std::vector<double>& values);

/// Four significant digits; a plain decimal from 1e-4 to 1e7, else with an exponent.
std::string number_text(double value);

/// "±0.35" when both sides agree to 10 %, else "[17.1, 18.9]"; "" without an interval. As
/// many decimals as number_text(value) has.
std::string interval_text(double value, std::optional<double> lo, std::optional<double> hi);

/// "1.42x"; "" without a ratio.
std::string ratio_text(std::optional<double> ratio);

}  // namespace assay
