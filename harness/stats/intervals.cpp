#include "harness/stats/intervals.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/stats/preconditions.h"

namespace assay {
namespace {

void require_numbers(std::span<const double> values, std::size_t least) {
  require(values.size() >= least, "too few values");
  const bool clean =
      std::none_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  require(clean, "values hold NaN");
}

double upper_tail(double confidence) {
  require(confidence > 0 && confidence < 1, "confidence is outside (0, 1)");
  return (1 - confidence) / 2;
}

double normal_z(double confidence) {
  return boost::math::quantile(
      boost::math::complement(boost::math::normal(), upper_tail(confidence)));
}

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

/// Standard error of the mean.
double mean_error(std::span<const double> values) {
  return sample_standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

}  // namespace

double quantile(std::span<const double> values, double p) {
  require_numbers(values, 1);
  require(p >= 0 && p <= 1, "p is outside [0, 1]");
  const std::vector<double> ordered = sorted(values);
  const double position = p * static_cast<double>(ordered.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, ordered.size() - 1);
  const double fraction = position - static_cast<double>(below);
  return ordered[below] + fraction * (ordered[above] - ordered[below]);
}

double median(std::span<const double> values) { return quantile(values, 0.5); }

double mean(std::span<const double> values) {
  require_numbers(values, 1);
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sample_standard_deviation(std::span<const double> values) {
  require_numbers(values, 2);
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::optional<Interval> median_interval(std::span<const double> values, double confidence) {
  require_numbers(values, 1);
  const double tail = upper_tail(confidence);
  const auto n = values.size();
  const boost::math::binomial law(static_cast<double>(n), 0.5);
  std::size_t k = 0;  // P(X < k + 1) = cdf(k)
  while (k < n / 2 && boost::math::cdf(law, static_cast<double>(k)) <= tail) ++k;
  if (k == 0) return std::nullopt;
  const std::vector<double> ordered = sorted(values);
  return Interval{ordered[k - 1], ordered[n - k]};
}

Interval wilson_interval(std::int64_t successes, std::int64_t trials, double confidence) {
  require(trials >= 1 && successes >= 0 && successes <= trials,
          "successes are outside [0, trials], or no trials");
  const double z = normal_z(confidence);
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double scale = 1 + z * z / n;
  const double center = (share + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {successes == 0 ? 0.0 : center - half, successes == trials ? 1.0 : center + half};
}

Interval normal_interval(double value, double std_error, double confidence) {
  require(std_error >= 0 && !std::isnan(value), "value is NaN or std_error is negative");
  const double half = normal_z(confidence) * std_error;
  return {value - half, value + half};
}

Estimate mean_estimate(std::span<const double> values, double confidence) {
  Estimate result;
  result.value = mean(values);
  result.std_error = mean_error(values);
  result.n = static_cast<std::int64_t>(values.size());
  const boost::math::students_t law(static_cast<double>(result.n - 1));
  const double half = result.std_error *
                      boost::math::quantile(boost::math::complement(law, upper_tail(confidence)));
  result.interval = {result.value - half, result.value + half};
  return result;
}

Estimate exp_mean_estimate(std::span<const double> values, double confidence) {
  const Estimate of_mean = mean_estimate(values, confidence);
  Estimate result;
  result.value = std::exp(of_mean.value);
  result.std_error = result.value * of_mean.std_error;
  result.n = of_mean.n;
  result.interval = {std::exp(of_mean.interval.lo), std::exp(of_mean.interval.hi)};
  return result;
}

Estimate paired_difference(std::span<const double> a, std::span<const double> b,
                           double confidence) {
  require(a.size() == b.size(), "pairs need two lists of one length");
  std::vector<double> differences(a.size());
  std::transform(a.begin(), a.end(), b.begin(), differences.begin(), std::minus<>());
  return mean_estimate(differences, confidence);
}

Estimate mean_difference(std::span<const double> a, std::span<const double> b, double confidence) {
  const double error_a = mean_error(a), error_b = mean_error(b);
  const double variance = error_a * error_a + error_b * error_b;
  Estimate result;
  result.value = mean(a) - mean(b);
  result.std_error = std::sqrt(variance);
  result.n = static_cast<std::int64_t>(a.size() + b.size());
  result.interval = {result.value, result.value};
  const double tail = upper_tail(confidence);
  if (variance == 0) return result;
  // Welch and Satterthwaite's degrees of freedom.
  const double freedom = variance * variance /
                         (std::pow(error_a, 4) / static_cast<double>(a.size() - 1) +
                          std::pow(error_b, 4) / static_cast<double>(b.size() - 1));
  const boost::math::students_t law(freedom);
  const double half = result.std_error * boost::math::quantile(boost::math::complement(law, tail));
  result.interval = {result.value - half, result.value + half};
  return result;
}

}  // namespace assay
