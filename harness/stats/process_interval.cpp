#include "harness/stats/process_interval.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace assay {
namespace {

/// What a gate measures with.
constexpr std::size_t kUsualProcesses = 12;
constexpr std::size_t kMostProcesses = 96;

bool positive(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v) && v > 0; });
}

std::vector<double> logs(std::span<const double> values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(std::log(value));
  return result;
}

/// Half the width, in logs, of n processes whose logs deviate by `deviation`.
double half_width(double deviation, std::size_t n, double confidence) {
  const boost::math::students_t law(static_cast<double>(n - 1));
  const double t = boost::math::quantile(boost::math::complement(law, (1 - confidence) / 2));
  return t * deviation / std::sqrt(static_cast<double>(n));
}

bool too_wide(double half) { return 2 * half > std::log(kWidestInterval); }

/// How many processes would do, if they deviate as these do.
std::size_t enough(double deviation, std::size_t n, double confidence) {
  std::size_t needed = std::max(kUsualProcesses, n + 2 - n % 2);
  while (needed < kMostProcesses && too_wide(half_width(deviation, needed, confidence))) {
    needed += 2;
  }
  return needed;
}

}  // namespace

std::optional<Interval> process_interval(std::span<const double> medians, double confidence) {
  if (medians.size() < kLeastProcesses || !positive(medians)) return std::nullopt;
  const std::vector<double> values = logs(medians);
  const double half = half_width(sample_standard_deviation(values), values.size(), confidence);
  if (too_wide(half)) return std::nullopt;
  const double center = mean(values);
  const double value = median(medians);
  return Interval{std::min(std::exp(center - half), value),
                  std::max(std::exp(center + half), value)};
}

std::string why_no_process_interval(std::span<const double> medians, double confidence) {
  if (medians.empty() || process_interval(medians, confidence)) return "";
  if (medians.size() == 1) {
    return fmt::format("1 process: not enough for an interval; processes_per_arm = {}",
                       kUsualProcesses);
  }
  if (!positive(medians)) {
    return fmt::format("{} processes, some of them not above 0: no interval", medians.size());
  }
  const auto [least, most] = std::ranges::minmax(medians);
  const double deviation = sample_standard_deviation(logs(medians));
  const double spread = most / least;
  return fmt::format("{} processes, spread {}x: not enough for an interval; processes_per_arm = {}",
                     medians.size(), fmt::format("{:.{}f}", spread, spread < 10 ? 1 : 0),
                     enough(deviation, medians.size(), confidence));
}

Interval paired_ratio_interval(std::span<const double> a, std::span<const double> b,
                               double confidence) {
  if (!positive(a) || !positive(b)) throw std::invalid_argument("a ratio needs positive values");
  const Interval logs_apart = paired_difference(logs(b), logs(a), confidence).interval;
  return {std::exp(logs_apart.lo), std::exp(logs_apart.hi)};
}

}  // namespace assay
