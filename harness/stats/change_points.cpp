#include "harness/stats/change_points.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "harness/stats/intervals.h"

namespace assay {
namespace {

constexpr std::size_t kMostLevels = 64;
constexpr int kGammas = 14;
/// Standard error of a median is sqrt(pi / 2) sd / sqrt(n); sd is sqrt(pi / 2) x mean deviation.
constexpr double kDeviationOfMedian = 1.5708;
constexpr double kClear = 4;

struct Series {
  std::span<const double> values;
  std::vector<double> weights;
  [[nodiscard]] std::size_t size() const { return values.size(); }
};

Series checked(std::span<const double> values, std::span<const double> weights) {
  const auto finite = [](double v) { return std::isfinite(v); };
  const auto positive = [](double w) { return std::isfinite(w) && w > 0; };
  if (!std::all_of(values.begin(), values.end(), finite)) {
    throw std::invalid_argument("change points: values hold NaN or infinity");
  }
  if (!weights.empty() &&
      (weights.size() != values.size() || !std::all_of(weights.begin(), weights.end(), positive))) {
    throw std::invalid_argument("change points: weights are not positive, or not one a value");
  }
  Series series{values, std::vector<double>(weights.begin(), weights.end())};
  if (weights.empty()) series.weights.assign(values.size(), 1.0);
  return series;
}

/// The best level of a segment is one of its values, so levels are values.
std::vector<double> candidate_levels(std::span<const double> values) {
  std::vector<double> levels(values.begin(), values.end());
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.size() <= kMostLevels) return levels;
  std::vector<double> fewer;
  for (std::size_t i = 0; i < kMostLevels; ++i) {
    fewer.push_back(levels[i * (levels.size() - 1) / (kMostLevels - 1)]);
  }
  return fewer;
}

double weighted_median(const Series& series, std::size_t first, std::size_t end) {
  std::vector<std::size_t> order(end - first);
  std::iota(order.begin(), order.end(), first);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return series.values[a] < series.values[b]; });
  double total = 0;
  for (const std::size_t i : order) total += series.weights[i];
  double below = 0;
  for (const std::size_t i : order) {
    below += series.weights[i];
    if (below >= total / 2) return series.values[i];
  }
  return series.values[order.back()];
}

double absolute_error(const Series& series, const Segment& segment) {
  double error = 0;
  for (std::size_t i = segment.first; i < segment.end; ++i) {
    error += series.weights[i] * std::abs(series.values[i] - segment.level);
  }
  return error;
}

Segment fitted(const Series& series, std::size_t first, std::size_t end) {
  Segment segment{first, end, weighted_median(series, first, end), 0};
  double weight = 0;
  for (std::size_t i = first; i < end; ++i) weight += series.weights[i];
  segment.error = absolute_error(series, segment) / weight;
  return segment;
}

/// Starts of segments of the best path through the levels, each change of level costing `gamma`.
std::vector<std::size_t> best_starts(const Series& series, const std::vector<double>& levels,
                                     double gamma) {
  const std::size_t n = series.size();
  std::vector<double> cost(levels.size(), 0.0);
  std::vector<char> jumped(n * levels.size(), 0);
  std::vector<std::size_t> best(n, 0);
  for (std::size_t t = 0; t < n; ++t) {
    const double from_best =
        t == 0 ? std::numeric_limits<double>::infinity() : cost[best[t - 1]] + gamma;
    for (std::size_t k = 0; k < levels.size(); ++k) {
      jumped[t * levels.size() + k] = from_best < cost[k] ? 1 : 0;
      cost[k] =
          std::min(cost[k], from_best) + series.weights[t] * std::abs(series.values[t] - levels[k]);
    }
    best[t] = static_cast<std::size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  }
  std::vector<std::size_t> starts;
  std::size_t level = best[n - 1];
  for (std::size_t t = n; t-- > 0;) {
    if (t > 0 && jumped[t * levels.size() + level] == 0) continue;
    starts.push_back(t);
    if (t > 0) level = best[t - 1];
  }
  std::reverse(starts.begin(), starts.end());
  return starts;
}

std::vector<Segment> fit(const Series& series, const std::vector<std::size_t>& starts) {
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : series.size();
    segments.push_back(fitted(series, starts[i], end));
  }
  return segments;
}

double criterion(const Series& series, const std::vector<Segment>& segments, double resolution) {
  double error = 0;
  double weight = 0;
  for (const Segment& segment : segments) error += absolute_error(series, segment);
  for (const double w : series.weights) weight += w;
  const auto n = static_cast<double>(series.size());
  return std::log(error / weight + resolution) +
         4 * std::log(n) / n * static_cast<double>(segments.size());
}

/// How clearly two neighbours differ, in standard errors of medians; infinite without noise.
double clarity(const Series& series, const Segment& left, const Segment& right) {
  const auto weight = [&](const Segment& segment) {
    return std::accumulate(series.weights.begin() + static_cast<std::ptrdiff_t>(segment.first),
                           series.weights.begin() + static_cast<std::ptrdiff_t>(segment.end), 0.0);
  };
  const double most = *std::max_element(series.weights.begin(), series.weights.end());
  const double left_n = weight(left) / most;
  const double right_n = weight(right) / most;
  const double noise = (left.error * left_n + right.error * right_n) / (left_n + right_n);
  const double error = kDeviationOfMedian * noise * std::sqrt(1 / left_n + 1 / right_n);
  const double height = std::abs(right.level - left.level);
  return height == 0 ? 0 : error == 0 ? std::numeric_limits<double>::infinity() : height / error;
}

/// Joins neighbours, the least clear first, until all that are left differ clearly. A segment of
/// one value is joined in any case: one value is a spike, or not yet a level.
std::vector<Segment> clear_ones(const Series& series, std::vector<Segment> segments) {
  while (segments.size() > 1) {
    std::size_t weakest = 1;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 1; i < segments.size(); ++i) {
      const Segment& left = segments[i - 1];
      const Segment& right = segments[i];
      const bool lone = left.end - left.first == 1 || right.end - right.first == 1;
      const double found = lone ? 0 : clarity(series, left, right);
      if (found >= least) continue;
      least = found;
      weakest = i;
    }
    if (least >= kClear) break;
    segments[weakest - 1] = fitted(series, segments[weakest - 1].first, segments[weakest].end);
    segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(weakest));
  }
  return segments;
}

/// Errors below this are noise as the values' neighbours show it; without it, one segment a value
/// would always fit best.
double resolution_of(std::span<const double> values, double range) {
  std::vector<double> jumps;
  for (std::size_t i = 1; i < values.size(); ++i) {
    jumps.push_back(std::abs(values[i] - values[i - 1]));
  }
  const double typical = jumps.empty() ? 0 : median(jumps);
  return std::max({0.25 * typical, 1e-9 * range, std::numeric_limits<double>::min()});
}

}  // namespace

std::vector<Segment> segments_of(std::span<const double> values, std::span<const double> weights) {
  const Series series = checked(values, weights);
  if (values.empty()) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = *high - *low;
  const std::vector<double> levels = candidate_levels(values);
  const double resolution = resolution_of(values, range);
  const double total = std::accumulate(series.weights.begin(), series.weights.end(), 0.0);
  std::vector<Segment> best = fit(series, {0});
  double least = criterion(series, best, resolution);
  double gamma = range * total;
  for (int i = 0; i < kGammas && range > 0; ++i, gamma /= 3) {
    const std::vector<Segment> found = fit(series, best_starts(series, levels, gamma));
    const double value = criterion(series, found, resolution);
    if (value >= least) continue;
    least = value;
    best = found;
  }
  return clear_ones(series, std::move(best));
}

std::vector<Step> steps_of(std::span<const double> values, double threshold,
                           std::span<const double> weights) {
  if (!(threshold >= 0)) throw std::invalid_argument("change points: the threshold is negative");
  const std::vector<Segment> segments = segments_of(values, weights);
  std::vector<Step> steps;
  for (std::size_t i = 1; i < segments.size(); ++i) {
    const Segment& before = segments[i - 1];
    const Segment& after = segments[i];
    const double error = std::max(before.error, after.error);
    const double height = std::abs(after.level - before.level);
    if (height <= error || height <= threshold * std::abs(before.level)) continue;
    steps.push_back({after.first, before.level, after.level, error});
  }
  return steps;
}

}  // namespace assay
