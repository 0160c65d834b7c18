#pragma once
// Many tests in one table.

#include <span>
#include <vector>

namespace assay {

/// Holm's step-down correction: adjusted p-values in the order given, at most 1. Rejecting those
/// below a level keeps the chance of any false rejection below that level, whatever the dependence.
/// Throws std::invalid_argument for a p outside [0, 1] or NaN.
std::vector<double> holm_adjusted(std::span<const double> p_values);

}  // namespace assay
