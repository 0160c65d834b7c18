#include "harness/tune/scale.h"

#include <cmath>

#include "harness/protocol/basis.h"

namespace assay::tune {
namespace {

/// Half a 95 % interval in standard deviations of a normal value.
constexpr double kHalfInterval = 1.959964;

}  // namespace

Scale::Scale(Basis basis, int direction)
    : points_(basis == Basis::kShare), direction_(direction < 0 ? -1 : 1) {}

std::optional<double> Scale::inner(double value) const {
  if (points_) return direction_ * 100 * value;
  if (!(value > 0) || !std::isfinite(value)) return std::nullopt;
  return direction_ * std::log(value);
}

double Scale::value(double inner) const {
  return points_ ? direction_ * inner / 100 : std::exp(direction_ * inner);
}

double Scale::variance(const ResultRow& row) const {
  if (!row.lo || !row.hi) return 0;
  const std::optional<double> low = inner(*row.lo), high = inner(*row.hi);
  if (!low || !high) return 0;
  return std::pow((*high - *low) / 2 / kHalfInterval, 2);
}

double Scale::allowed(double budget) const {
  if (points_) return budget;
  // 5 %: a perplexity 1.05 times, a speed 0.95 times the reference's.
  return direction_ < 0 ? std::log1p(budget / 100) : -std::log1p(-budget / 100);
}

}  // namespace assay::tune
