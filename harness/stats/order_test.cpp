#include "harness/stats/order_test.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/base/python_random.h"

namespace assay {
namespace {

double successive(std::span<const double> values) {
  double sum = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    sum += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
  }
  return sum;
}

double around_mean(std::span<const double> values) {
  const double center = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - center) * (value - center);
  return sum;
}

void shuffle(std::vector<double>& values, PythonRandom& random) {
  for (std::size_t i = values.size() - 1; i > 0; --i) {
    const auto other = random.randint(0, static_cast<std::int64_t>(i));
    std::swap(values[i], values[static_cast<std::size_t>(other)]);
  }
}

}  // namespace

TestResult order_test(std::span<const double> values, const PermutationLimits& limits) {
  const bool clean =
      std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  if (values.size() < 3 || !clean || limits.draws < 1) {
    throw std::invalid_argument("order test: fewer than three values, NaN, infinity, or no draws");
  }
  TestResult result;
  result.variant = "order_mc";
  result.alternative = Alternative::kLess;
  result.n = values.size();
  result.draws = limits.draws;
  result.seed = limits.seed;
  result.least_p = 1.0 / static_cast<double>(limits.draws + 1);
  const double spread = around_mean(values);
  if (spread <= 0) return result;
  result.statistic = successive(values) / spread;
  PythonRandom random(limits.seed);
  std::vector<double> order(values.begin(), values.end());
  std::int64_t hits = 1;  // the observed order
  for (std::int64_t i = 0; i < limits.draws; ++i) {
    shuffle(order, random);
    hits += successive(order) / spread <= result.statistic + kTie ? 1 : 0;
  }
  result.p = static_cast<double>(hits) / static_cast<double>(limits.draws + 1);
  return result;
}

}  // namespace assay
