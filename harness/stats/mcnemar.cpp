#include "harness/stats/mcnemar.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <stdexcept>

namespace assay {

McNemar mcnemar(std::int64_t b, std::int64_t c) {
  if (b < 0 || c < 0) throw std::invalid_argument("McNemar: counts are negative");
  McNemar result;
  result.b = b;
  result.c = c;
  if (b + c == 0) return result;
  const auto n = static_cast<double>(b + c);
  const auto fewer = static_cast<double>(std::min(b, c));
  const boost::math::binomial law(n, 0.5);
  const double tail = boost::math::cdf(law, fewer);
  result.exact = std::min(1.0, 2 * tail);
  result.mid_p = result.exact - boost::math::pdf(law, fewer);
  const double excess = std::max(0.0, std::abs(static_cast<double>(b - c)) - 1);
  result.chi_square = excess * excess / n;
  result.chi_square_p =
      boost::math::cdf(boost::math::complement(boost::math::chi_squared(1), result.chi_square));
  return result;
}

}  // namespace assay
