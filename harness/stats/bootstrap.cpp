#include "harness/stats/bootstrap.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "harness/base/python_random.h"
#include "harness/stats/preconditions.h"

namespace assay {
namespace {

constexpr const char* kName = "bootstrap";

/// A statistic of chosen rows; rows may repeat.
using OfRows = std::function<double(std::span<const std::size_t>)>;

void require_sane(const Resampling& resampling, int least) {
  require(resampling.resamples >= least && resampling.confidence > 0 && resampling.confidence < 1,
          "bootstrap: too few resamples or confidence outside (0, 1)");
}

void draw(PythonRandom& random, std::vector<std::size_t>& rows) {
  const auto last = static_cast<std::int64_t>(rows.size()) - 1;
  for (std::size_t& row : rows) row = static_cast<std::size_t>(random.randint(0, last));
}

std::vector<double> distribution(std::size_t n, const OfRows& statistic,
                                 const Resampling& resampling) {
  PythonRandom random(resampling.seed);
  std::vector<std::size_t> rows(n);
  std::vector<double> results(static_cast<std::size_t>(resampling.resamples));
  for (double& result : results) {
    draw(random, rows);
    result = statistic(rows);
  }
  return results;
}

/// Statistics of the sample without one row each.
std::vector<double> jackknife(std::size_t n, const OfRows& statistic) {
  std::vector<double> results;
  std::vector<std::size_t> rows(n - 1);
  for (std::size_t left_out = 0; left_out < n; ++left_out) {
    for (std::size_t i = 0; i + 1 < n; ++i) rows[i] = i < left_out ? i : i + 1;
    results.push_back(statistic(rows));
  }
  return results;
}

double acceleration(const std::vector<double>& without) {
  const double center = mean(without);
  double squares = 0;
  double cubes = 0;
  for (const double value : without) {
    const double u = center - value;
    squares += u * u;
    cubes += u * u * u;
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

/// Share of values below `value`, equal ones as a half.
double share_below(const std::vector<double>& values, double value) {
  double below = 0;
  for (const double v : values) below += v < value ? 1 : v == value ? 0.5 : 0;
  return below / static_cast<double>(values.size());
}

std::optional<Interval> bca_interval(const std::vector<double>& results, double value, double a,
                                     double confidence) {
  const double share = share_below(results, value);
  if (share <= 0 || share >= 1) return std::nullopt;
  const boost::math::normal law;
  const double bias = boost::math::quantile(law, share);
  const double tail = (1 - confidence) / 2;
  const auto end = [&](double p) {
    const double z = bias + boost::math::quantile(law, p);
    return quantile(results, boost::math::cdf(law, bias + z / (1 - a * z)));
  };
  return Interval{end(tail), end(1 - tail)};
}

Interval percentile_interval(const std::vector<double>& results, double confidence) {
  const double tail = (1 - confidence) / 2;
  return {quantile(results, tail), quantile(results, 1 - tail)};
}

BootstrapEstimate estimate(std::size_t n, const OfRows& statistic, const Resampling& resampling) {
  require_sane(resampling, 2);
  std::vector<std::size_t> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = i;
  BootstrapEstimate result;
  result.value = statistic(all);
  const std::vector<double> results = distribution(n, statistic, resampling);
  result.std_error = sample_standard_deviation(results);
  result.percentile = percentile_interval(results, resampling.confidence);
  if (n >= 2) {
    const double a = acceleration(jackknife(n, statistic));
    result.bca = bca_interval(results, result.value, a, resampling.confidence);
  }
  return result;
}

/// Copies the chosen rows and hands them on.
OfRows on_values(std::span<const double> values, const Statistic& statistic) {
  return [values, &statistic,
          copy = std::vector<double>()](std::span<const std::size_t> rows) mutable {
    copy.clear();
    for (const std::size_t row : rows) copy.push_back(values[row]);
    return statistic(copy);
  };
}

}  // namespace

Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            int resamples, std::uint64_t seed, double confidence) {
  require_finite(values, kName);
  const Resampling resampling{resamples, seed, confidence};
  require_sane(resampling, 1);
  return percentile_interval(distribution(values.size(), on_values(values, statistic), resampling),
                             confidence);
}

BootstrapEstimate bootstrap_estimate(std::span<const double> values, const Statistic& statistic,
                                     const Resampling& resampling) {
  require_finite(values, kName);
  return estimate(values.size(), on_values(values, statistic), resampling);
}

BootstrapEstimate paired_bootstrap(std::span<const double> a, std::span<const double> b,
                                   const PairedStatistic& statistic, const Resampling& resampling) {
  require_finite(a, kName);
  require_finite(b, kName);
  require(a.size() == b.size(), "bootstrap: pairs need two lists of one length");
  std::vector<double> left, right;
  return estimate(
      a.size(),
      [&](std::span<const std::size_t> rows) {
        left.clear();
        right.clear();
        for (const std::size_t row : rows) {
          left.push_back(a[row]);
          right.push_back(b[row]);
        }
        return statistic(left, right);
      },
      resampling);
}

BootstrapEstimate ratio_of_medians(std::span<const double> a, std::span<const double> b,
                                   const Resampling& resampling) {
  require_finite(a, kName);
  require_finite(b, kName);
  require_sane(resampling, 2);
  const auto positive = [](double v) { return v > 0; };
  require(std::all_of(a.begin(), a.end(), positive) && std::all_of(b.begin(), b.end(), positive),
          "bootstrap: a ratio of medians needs positive values");
  PythonRandom random(resampling.seed);
  const auto resampled = [&](std::span<const double> values) {
    std::vector<std::size_t> rows(values.size());
    draw(random, rows);
    std::vector<double> copy;
    for (const std::size_t row : rows) copy.push_back(values[row]);
    return median(copy);
  };
  std::vector<double> results(static_cast<std::size_t>(resampling.resamples));
  for (double& result : results) {
    const double of_a = resampled(a);
    result = resampled(b) / of_a;
  }
  BootstrapEstimate result;
  result.value = median(b) / median(a);
  result.std_error = sample_standard_deviation(results);
  result.percentile = percentile_interval(results, resampling.confidence);
  return result;
}

}  // namespace assay
