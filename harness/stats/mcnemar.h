#pragma once
// McNemar's test: two classifiers on the same items.

#include <cstdint>

namespace assay {

/// b: right before and wrong after; c: wrong before and right after. Only these items speak.
struct McNemar {
  std::int64_t b = 0, c = 0;
  double exact = 1;         ///< two-sided binomial with p = 1/2, at most 1; "mcnemar_exact"
  double mid_p = 1;         ///< the exact p less the probability of the observed value
  double chi_square = 0;    ///< with continuity correction, one degree of freedom
  double chi_square_p = 1;  ///< "mcnemar_chi2_cc"; 1 when no item differs
};

/// Throws std::invalid_argument for negative counts.
McNemar mcnemar(std::int64_t b, std::int64_t c);

}  // namespace assay
