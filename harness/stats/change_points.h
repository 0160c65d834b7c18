#pragma once
// Steps in a history of results: a piecewise-constant fit under absolute error.

#include <cstddef>
#include <span>
#include <vector>

namespace assay {

/// Values first .. end - 1 lie around `level`, their (weighted) median.
struct Segment {
  std::size_t first = 0, end = 0;
  double level = 0;
  double error = 0;  ///< mean absolute deviation from the level
};

/// Between two segments.
struct Step {
  std::size_t at = 0;  ///< index of the first value after the step
  double before = 0, after = 0;
  double error = 0;  ///< the larger of both segments' errors
};

/// Minimises sum w |value - level| + gamma x jumps for a series of gammas and keeps the fit with
/// the least ln(mean absolute error) + 4 ln(n) / n x segments; then joins neighbours whose levels
/// differ by less than four standard errors, and single values: those are spikes, or not yet a
/// level. Levels are sought among at most 64 quantiles of the values. `weights` is empty (all 1)
/// or holds one positive weight a value. Throws std::invalid_argument for NaN, infinity, or weights
/// that are not positive or not as many.
std::vector<Segment> segments_of(std::span<const double> values,
                                 std::span<const double> weights = {});

/// Steps whose |after / before - 1| exceeds `threshold` (>= 0) and whose height exceeds their
/// error.
std::vector<Step> steps_of(std::span<const double> values, double threshold,
                           std::span<const double> weights = {});

}  // namespace assay
