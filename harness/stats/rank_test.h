#pragma once
// Mann-Whitney's U.

#include <span>

#include "harness/stats/test_result.h"

namespace assay {

/// U of `x`: pairs in which x is larger, ties as a half. Without ties and with at most 50 values a
/// side the exact distribution ("u_exact"), else the normal approximation with tie-corrected
/// variance and continuity correction ("u_asymptotic_tie_cc"); p = 1 when all values are equal.
/// Throws std::invalid_argument for an empty side, NaN or infinity.
TestResult rank_test(std::span<const double> x, std::span<const double> y, Alternative alternative);

}  // namespace assay
