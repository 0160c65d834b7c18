#include "harness/stats/power.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <stdexcept>

#include "harness/stats/preconditions.h"

namespace assay {
namespace {

constexpr const char* kWrong =
    "minimum detectable effect: no values, a negative deviation, or a level outside (0, 1)";

bool inside(double share) { return share > 0 && share < 1; }

double z_sum(double alpha, double power) {
  require(inside(alpha) && inside(power), kWrong);
  const boost::math::normal law;
  return boost::math::quantile(boost::math::complement(law, alpha)) +
         boost::math::quantile(law, power);
}

}  // namespace

double minimum_detectable_effect(double deviation, std::size_t n, double alpha, double power) {
  require(n >= 1 && deviation >= 0, kWrong);
  return z_sum(alpha, power) * deviation / std::sqrt(static_cast<double>(n));
}

double minimum_detectable_difference(double deviation_a, std::size_t n_a, double deviation_b,
                                     std::size_t n_b, double alpha, double power) {
  require(n_a >= 1 && n_b >= 1 && deviation_a >= 0 && deviation_b >= 0, kWrong);
  return z_sum(alpha, power) * std::sqrt(deviation_a * deviation_a / static_cast<double>(n_a) +
                                         deviation_b * deviation_b / static_cast<double>(n_b));
}

std::int64_t samples_for_percentile(double percentile, std::int64_t slower, double confidence) {
  if (!inside(percentile) || !inside(confidence) || slower < 0) {
    throw std::invalid_argument("samples for a percentile: outside (0, 1), or a negative count");
  }
  const auto k = static_cast<double>(slower);
  const auto enough = [&](std::int64_t n) {
    const boost::math::binomial law(static_cast<double>(n), 1 - percentile);
    return boost::math::cdf(law, k) <= 1 - confidence;
  };
  std::int64_t most = slower + 1;
  while (!enough(most)) most *= 2;
  std::int64_t least = slower;  // n = slower gives probability 1
  while (most - least > 1) {
    const std::int64_t middle = least + (most - least) / 2;
    (enough(middle) ? most : least) = middle;
  }
  return most;
}

}  // namespace assay
