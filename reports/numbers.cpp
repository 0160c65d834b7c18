#include "reports/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay {
namespace {

constexpr double kKibi = 1024;

NumberStyle largest_below(double smallest, std::initializer_list<NumberStyle> steps) {
  NumberStyle best = *steps.begin();
  for (const NumberStyle& step : steps) {
    if (step.divisor <= smallest) best = step;
  }
  return best;
}

double smallest_magnitude(const std::vector<double>& values) {
  double smallest = HUGE_VAL;
  for (const double value : values) {
    if (value != 0 && std::isfinite(value)) smallest = std::min(smallest, std::abs(value));
  }
  return smallest;
}

/// Digits after the point that give four significant ones.
int decimals_for(double value) {
  if (value == 0) return 1;
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return std::clamp(3 - magnitude, 0, 7);
}

bool plain(double value) {
  const double size = std::abs(value);
  return size == 0 || (size >= 1e-4 && size < 1e7);
}

}  // namespace

NumberStyle style_for(const std::string& unit, const std::vector<double>& values) {
  const double smallest = smallest_magnitude(values);
  if (!std::isfinite(smallest)) return {1, unit};
  if (unit == "s") return largest_below(smallest, {{1e-6, "us"}, {1e-3, "ms"}, {1, "s"}});
  if (unit == "B") {
    return largest_below(
        smallest,
        {{1, "B"}, {kKibi, "KiB"}, {kKibi * kKibi, "MiB"}, {kKibi * kKibi * kKibi, "GiB"}});
  }
  return {1, unit};
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NAN" : value > 0 ? "inf" : "-inf";
  if (!plain(value)) return fmt::format("{:.3e}", value);
  return fmt::format("{:.{}f}", value, decimals_for(value));
}

std::string interval_text(double value, std::optional<double> lo, std::optional<double> hi) {
  if (!lo || !hi || !std::isfinite(*lo) || !std::isfinite(*hi)) return "";
  if (!plain(value)) return fmt::format("[{:.2e}, {:.2e}]", *lo, *hi);
  const double below = value - *lo;
  const double above = *hi - value;
  const int decimals = std::max(0, decimals_for(value));
  if (std::abs(above - below) <= 0.1 * std::max(above, below)) {
    return fmt::format("±{:.{}f}", (above + below) / 2, decimals);
  }
  return fmt::format("[{:.{}f}, {:.{}f}]", *lo, decimals, *hi, decimals);
}

std::string ratio_text(std::optional<double> ratio) {
  if (!ratio || !std::isfinite(*ratio)) return "";
  if (*ratio >= 1e4 || (*ratio < 1e-2 && *ratio > 0)) return fmt::format("{:.1e}x", *ratio);
  return fmt::format("{:.{}f}x", *ratio, *ratio < 10 ? 2 : 1);
}

}  // namespace assay
