#pragma once
// What statistics ask of their arguments.

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string>

namespace assay {

/// Throws std::invalid_argument with `what`.
inline void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

/// Throws std::invalid_argument, named after the statistic, for no values and for NaN or infinity.
inline void require_finite(std::span<const double> values, const char* statistic) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!values.empty() && std::ranges::all_of(values, finite)) return;
  throw std::invalid_argument(std::string(statistic) + ": no values, or they hold NaN or infinity");
}

}  // namespace assay
