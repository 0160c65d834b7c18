#pragma once
// Do values in the order of their measurement hang together, as those of a drifting machine do?

#include <span>

#include "harness/stats/permutation.h"
#include "harness/stats/test_result.h"

namespace assay {

/// Statistic: von Neumann's ratio, the sum of squared successive differences over the sum of
/// squared deviations from the mean: about 2 for independent values, small under drift. p: share of
/// random orders of the same values whose ratio is as small (variant "order_mc", `limits.draws` of
/// them, the observed order counted). Equal values give p = 1. Throws std::invalid_argument for
/// fewer than three values, NaN, infinity or no draws.
TestResult order_test(std::span<const double> values, const PermutationLimits& limits = {});

}  // namespace assay
