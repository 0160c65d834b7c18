#include "reports/folded_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/numbers.h"

namespace assay {
namespace {

/// Sides of an interval that differ by no more of the larger one are called even.
constexpr double kEven = 0.1;

int magnitude_of(double value) { return static_cast<int>(std::floor(std::log10(value))); }

/// Numbers in units of 10^-decimals, so that rounding them is rounding to a whole number.
class Decimals {
 public:
  explicit Decimals(int decimals) : decimals_(decimals) {}
  [[nodiscard]] double nearest(double value) const { return std::round(steps(value)); }
  // What binary fractions add or take at the twelfth digit is no further step.
  [[nodiscard]] double above(double value) const { return std::ceil(steps(value) - slack(value)); }
  [[nodiscard]] double below(double value) const { return std::floor(steps(value) + slack(value)); }
  [[nodiscard]] double steps(double value) const { return value * std::pow(10.0, decimals_); }
  [[nodiscard]] std::string text(double steps) const {
    const double value = steps / std::pow(10.0, decimals_);
    return fmt::format("{:.{}f}", value == 0 ? 0.0 : value, std::max(decimals_, 0));
  }

 private:
  [[nodiscard]] double slack(double value) const {
    return std::max(1e-9, std::abs(steps(value)) * 1e-12);
  }
  int decimals_;
};

/// Both sides of an interval around the value as it is written.
struct Sides {
  Decimals grid;
  double value, lo, hi;  ///< in steps of the grid
  [[nodiscard]] double half() const { return std::max(hi - value, value - lo); }
};

Sides sides_at(int decimals, double value, double lo, double hi) {
  const Decimals grid(decimals);
  return {grid, grid.nearest(value), grid.below(lo), grid.above(hi)};
}

/// The half width around the value as written, in whole steps.
double even_half(const Sides& sides, double lo, double hi) {
  return std::max({sides.grid.above(hi - sides.value / sides.grid.steps(1)),
                   sides.grid.above(sides.value / sides.grid.steps(1) - lo), 0.0});
}

bool even(double value, double lo, double hi) {
  const double below = value - lo, above = hi - value;
  return below >= 0 && above >= 0 && std::abs(above - below) <= kEven * std::max(above, below);
}

/// Two digits of the half width; a carry (0.0996 to 0.100) makes a third, and takes a place away.
int decimals_for(double value, double lo, double hi) {
  constexpr double kThreeDigits = 100;
  const double half = std::max({hi - value, value - lo, 0.0});
  const int most = std::max(0, 3 - magnitude_of(std::max(std::abs(value), half)));
  if (half == 0) return most;
  int decimals = std::min(most, 1 - magnitude_of(half));
  const Sides sides = sides_at(decimals, value, lo, hi);
  const double shown = even(value, lo, hi) ? even_half(sides, lo, hi) : sides.half();
  // Outward rounding of value and ends makes 10.4 of 9.9, which has two digits without the point.
  return shown >= kThreeDigits ? decimals - 1 : decimals;
}

FoldedNumber folded_at(int decimals, double value, double lo, double hi,
                       const std::string& exponent) {
  const Sides sides = sides_at(decimals, value, lo, hi);
  const auto text = [&](double steps) { return sides.grid.text(steps) + exponent; };
  if (even(value, lo, hi)) return {text(sides.value), "±" + text(even_half(sides, lo, hi))};
  return {text(sides.value), fmt::format("[{},{}]", text(sides.lo), text(sides.hi))};
}

/// What number_text writes without an exponent.
bool is_plain(double size) { return size >= 1e-4 && size < 1e7; }

}  // namespace

FoldedNumber folded_number(double value, std::optional<double> lo, std::optional<double> hi) {
  const bool finite = lo && hi && std::isfinite(value) && std::isfinite(*lo) && std::isfinite(*hi);
  if (!finite) return {number_text(value), ""};
  if (*lo == value && *hi == value) return {number_text(value), "±0"};
  const double size = std::max({std::abs(value), std::abs(*lo - value), std::abs(*hi - value)});
  if (is_plain(size)) return folded_at(decimals_for(value, *lo, *hi), value, *lo, *hi, "");
  // One exponent for both, so that they can be compared.
  const int exponent = magnitude_of(size);
  const double scale = std::pow(10.0, -exponent);
  const double v = value * scale, l = *lo * scale, h = *hi * scale;
  return folded_at(decimals_for(v, l, h), v, l, h, fmt::format("e{:+03}", exponent));
}

std::string folding_legend() {
  return "±: an interval whose sides agree to 10 %. Values and intervals are rounded, intervals "
         "outwards, to two digits of the half width; --wide and the other formats have them all.";
}

}  // namespace assay
