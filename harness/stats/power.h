#pragma once
// What a comparison could have found.

#include <cstddef>
#include <cstdint>

namespace assay {

/// The smallest true effect that a one-sided test at level `alpha` finds with probability `power`:
/// (z_alpha + z_power) deviation / sqrt(n), in the unit of `deviation`, the standard deviation of
/// the n paired differences. Needs n >= 1, deviation >= 0, alpha and power in (0, 1), else throws
/// std::invalid_argument.
double minimum_detectable_effect(double deviation, std::size_t n, double alpha = 0.01,
                                 double power = 0.8);

/// The same for the means of two independent samples: deviation and size of each.
double minimum_detectable_difference(double deviation_a, std::size_t n_a, double deviation_b,
                                     std::size_t n_b, double alpha = 0.01, double power = 0.8);

/// How many samples a claim about a percentile needs when `slower` of them lie beyond it: the least
/// n for which P(Binomial(n, 1 - percentile) <= slower) <= 1 - confidence. With 30 samples nothing
/// is known of a 99th percentile. Needs percentile and confidence in (0, 1) and slower >= 0, else
/// throws std::invalid_argument.
std::int64_t samples_for_percentile(double percentile, std::int64_t slower = 0,
                                    double confidence = 0.99);

}  // namespace assay
