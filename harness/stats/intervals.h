#pragma once
// Point estimates with intervals. Confidence is a fraction in (0, 1), 0.95 unless given; every
// function throws std::invalid_argument for what is outside its stated domain, NaN included.

#include <cstdint>
#include <optional>
#include <span>

namespace assay {

struct Interval {
  double lo = 0, hi = 0;
};

/// A value with its standard error and interval, all in the unit of the value.
struct Estimate {
  double value = 0, std_error = 0;
  Interval interval;
  std::int64_t n = 0;
};

/// Linear interpolation between order statistics at position (n - 1) p, counted from 0: Hyndman and
/// Fan's definition 7, the default of NumPy and R. Needs n >= 1 and p in [0, 1].
double quantile(std::span<const double> values, double p);

/// quantile(values, 0.5).
double median(std::span<const double> values);

double mean(std::span<const double> values);

/// With divisor n - 1; needs n >= 2.
double sample_standard_deviation(std::span<const double> values);

/// Distribution-free interval of the median: the k-th smallest and k-th largest value with the
/// largest k for which P(Binomial(n, 1/2) < k) <= (1 - confidence) / 2. Nothing when even the
/// smallest and largest value do not reach the confidence (n < 6 at 0.95).
std::optional<Interval> median_interval(std::span<const double> values, double confidence = 0.95);

/// Wilson's score interval of a proportion, without continuity correction; stays inside [0, 1].
/// Needs 0 <= successes <= trials and trials >= 1.
Interval wilson_interval(std::int64_t successes, std::int64_t trials, double confidence = 0.95);

/// value +- z std_error; needs std_error >= 0.
Interval normal_interval(double value, double std_error, double confidence = 0.95);

/// Mean with Student's t interval of n - 1 degrees of freedom; needs n >= 2.
Estimate mean_estimate(std::span<const double> values, double confidence = 0.95);

/// exp(mean), as a perplexity is of its windows' mean negative log-likelihoods (nats). First-order
/// (delta method) standard error exp(mean) s / sqrt(n); the interval is exp of Student's interval
/// of the mean, so that it is always above 0. Needs n >= 2.
Estimate exp_mean_estimate(std::span<const double> values, double confidence = 0.95);

/// mean_estimate of a[i] - b[i]: how much a exceeds b on the same items. Needs equal sizes >= 2.
Estimate paired_difference(std::span<const double> a, std::span<const double> b,
                           double confidence = 0.95);

/// mean(a) - mean(b) of two independent samples with Welch's t interval (variances may differ); `n`
/// counts both. Needs two values a side.
Estimate mean_difference(std::span<const double> a, std::span<const double> b,
                         double confidence = 0.95);

}  // namespace assay
