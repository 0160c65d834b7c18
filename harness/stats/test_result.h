#pragma once
// What every hypothesis test says: never a p-value without the name of how it came about.

#include <cstddef>
#include <cstdint>
#include <string>

namespace assay {

/// What the test looks for: the first sample (or the differences) larger, smaller, or either.
enum class Alternative { kTwoSided, kGreater, kLess };

/// "two_sided", "greater", "less".
inline std::string alternative_name(Alternative alternative) {
  if (alternative == Alternative::kGreater) return "greater";
  return alternative == Alternative::kLess ? "less" : "two_sided";
}

/// Statistics of two arrangements that are no further apart are equal.
inline constexpr double kTie = 1e-12;

struct TestResult {
  double statistic = 0;
  double p = 1;
  /// "signflip_exact", "signflip_mc", "blockflip_exact", "blockflip_mc", "perm_exact", "perm_mc",
  /// "u_exact", "u_asymptotic_tie_cc", "mcnemar_exact", "order_mc".
  std::string variant;
  Alternative alternative = Alternative::kTwoSided;
  std::size_t n = 0;       ///< pairs, blocks, or values of both sides together
  double least_p = 0;      ///< the smallest p that these sizes can give with this variant
  std::int64_t draws = 0;  ///< Monte Carlo draws; 0 when exact
  std::uint64_t seed = 0;  ///< of the draws
};

}  // namespace assay
