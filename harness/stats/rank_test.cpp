#include "harness/stats/rank_test.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "harness/stats/preconditions.h"

namespace assay {
namespace {

constexpr std::size_t kExactSide = 50;

double pairs_won(std::span<const double> x, std::span<const double> y) {
  double u = 0;
  for (const double a : x) {
    for (const double b : y) u += a > b ? 1 : a == b ? 0.5 : 0;
  }
  return u;
}

/// Sum of t^3 - t over groups of t equal values.
double tie_term(std::span<const double> x, std::span<const double> y) {
  std::vector<double> all(x.begin(), x.end());
  all.insert(all.end(), y.begin(), y.end());
  std::sort(all.begin(), all.end());
  double term = 0;
  for (auto first = all.begin(); first != all.end();) {
    const auto last = std::upper_bound(first, all.end(), *first);
    const auto t = static_cast<double>(last - first);
    term += t * t * t - t;
    first = last;
  }
  return term;
}

/// P(U = u) for all u, m and n values without ties: the last value in order belongs to x (and wins
/// over all n) or to y.
std::vector<double> exact_probabilities(std::size_t m, std::size_t n) {
  std::vector<std::vector<double>> previous;
  for (std::size_t i = 0; i <= m; ++i) {
    std::vector<std::vector<double>> row(n + 1);
    for (std::size_t j = 0; j <= n; ++j) {
      std::vector<double>& p = row[j];
      p.assign(i * j + 1, i == 0 || j == 0 ? 1.0 : 0.0);
      if (i == 0 || j == 0) continue;
      const double of_x = static_cast<double>(i) / static_cast<double>(i + j);
      const std::vector<double>& without_x = previous[j];
      const std::vector<double>& without_y = row[j - 1];
      for (std::size_t u = 0; u < without_x.size(); ++u) p[u + j] += of_x * without_x[u];
      for (std::size_t u = 0; u < without_y.size(); ++u) p[u] += (1 - of_x) * without_y[u];
    }
    previous = std::move(row);
  }
  return previous[n];
}

/// P(U >= u) under the exact distribution.
double exact_upper(const std::vector<double>& probabilities, double u) {
  double sum = 0;
  for (std::size_t i = probabilities.size(); i-- > 0 && static_cast<double>(i) >= u;) {
    sum += probabilities[i];
  }
  return std::min(1.0, sum);
}

/// P(U >= u) by the normal law, with continuity correction.
double normal_upper(double u, double center, double deviation) {
  const double z = (u - center - 0.5) / deviation;
  return boost::math::cdf(boost::math::complement(boost::math::normal(), z));
}

}  // namespace

TestResult rank_test(std::span<const double> x, std::span<const double> y,
                     Alternative alternative) {
  require_finite(x, "rank test");
  require_finite(y, "rank test");
  const auto m = static_cast<double>(x.size());
  const auto n = static_cast<double>(y.size());
  const double ties = tie_term(x, y);
  TestResult result;
  result.alternative = alternative;
  result.n = x.size() + y.size();
  result.statistic = pairs_won(x, y);
  const double mirrored = m * n - result.statistic;
  const bool two_sided = alternative == Alternative::kTwoSided;
  const double u = two_sided                              ? std::max(result.statistic, mirrored)
                   : alternative == Alternative::kGreater ? result.statistic
                                                          : mirrored;
  const double sides = two_sided ? 2 : 1;
  if (ties == 0 && std::max(x.size(), y.size()) <= kExactSide) {
    const std::vector<double> probabilities = exact_probabilities(x.size(), y.size());
    result.variant = "u_exact";
    result.p = std::min(1.0, sides * exact_upper(probabilities, u));
    result.least_p = std::min(1.0, sides * probabilities.front());
    return result;
  }
  result.variant = "u_asymptotic_tie_cc";
  const double total = m + n;
  const double variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)));
  if (!(variance > 0)) {
    result.p = result.least_p = 1;
    return result;
  }
  const double deviation = std::sqrt(variance);
  result.p = std::min(1.0, sides * normal_upper(u, m * n / 2, deviation));
  result.least_p = std::min(1.0, sides * normal_upper(m * n, m * n / 2, deviation));
  return result;
}

}  // namespace assay
