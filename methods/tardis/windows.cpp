#include "methods/tardis/windows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay {
namespace {

constexpr double kCoverageStep = 0.01;
constexpr double kFewestSamples = 8;                // fewer say nothing of a slope
constexpr std::size_t kLines = kWindowOptions - 1;  // the last option has no line

/// The nearest f32 that still contains the edge.
float below(double value) { return std::nextafter(static_cast<float>(value), -INFINITY); }
float above(double value) { return std::nextafter(static_cast<float>(value), INFINITY); }

WindowOption always_exact() {
  WindowOption option;
  option.low = option.safe_low = std::numeric_limits<float>::infinity();
  option.high = option.safe_high = -std::numeric_limits<float>::infinity();
  option.fallback = 1;
  return option;
}

/// Share of predictions outside; nothing lies beyond an end that is not cut.
double fallback_of(const LayerResponse& response, std::int64_t neuron, const WindowOption& option,
                   bool cut_low, bool cut_high) {
  if (option.safe_low > option.safe_high) return 1;
  const double low = cut_low ? response.prediction.share_below(neuron, option.safe_low) : 0.0;
  const double high = cut_high ? response.prediction.share_below(neuron, option.safe_high) : 1.0;
  return std::clamp(1 - (high - low), 0.0, 1.0);
}

Line line_of(const Moments& inside) {
  if (inside.n >= kFewestSamples || inside.n <= 0) return inside.line();
  return {0, inside.s / inside.n};
}

WindowOption option_of(const LayerResponse& response, std::int64_t neuron, const BinRange& range) {
  const BinScale& scale = response.pre.scale();
  const bool cut_low = range.first > 0, cut_high = range.last < scale.bins();
  const double guard = response.guard[static_cast<std::size_t>(neuron)];
  // Half a bin beyond the outermost samples: they must not depend on how their sums are rounded.
  const double slack = (scale.edge(neuron, 1) - scale.edge(neuron, 0)) / 2;
  const double low = scale.edge(neuron, range.first) - (cut_low ? 0 : slack);
  const double high = scale.edge(neuron, range.last) + (cut_high ? 0 : slack);
  WindowOption option;
  option.low = below(low);
  option.high = above(high);
  option.safe_low = below(cut_low ? low + guard : low - guard);
  option.safe_high = above(cut_high ? high - guard : high + guard);
  const Moments inside = response.pre.moments(neuron, range.first, range.last);
  const double samples = response.pre.count(neuron, 0, scale.bins());
  const Line line = line_of(inside);
  option.slope = static_cast<float>(line.slope);
  option.intercept = static_cast<float>(line.intercept);
  option.error = response.scale[static_cast<std::size_t>(neuron)] * inside.error(line) / samples;
  option.fallback = fallback_of(response, neuron, option, cut_low, cut_high);
  return option;
}

}  // namespace

BinRange best_window(const ResponseHistogram& histogram, std::int64_t neuron, double coverage) {
  const std::int64_t bins = histogram.scale().bins();
  // Counts are whole numbers: half a sample keeps 0.9 * 10 from asking for ten of them.
  const double needed = coverage * histogram.count(neuron, 0, bins) - 0.5;
  BinRange best{0, bins};
  double least = std::numeric_limits<double>::infinity();
  std::int64_t last = 0;
  for (std::int64_t first = 0; first < bins; ++first) {
    last = std::max(last, first + 1);
    while (last < bins && histogram.count(neuron, first, last) < needed) ++last;
    if (histogram.count(neuron, first, last) < needed) break;
    const double error = histogram.moments(neuron, first, last).least_error();
    if (error < least) {
      least = error;
      best = {first, last};
    }
  }
  return best;
}

std::vector<WindowOption> window_options(const LayerResponse& response, std::int64_t neuron) {
  std::vector<WindowOption> options;
  options.reserve(kWindowOptions);
  options.push_back(option_of(response, neuron, {0, response.pre.scale().bins()}));
  for (std::size_t i = 1; i < kLines; ++i) {
    const double coverage = 1 - kCoverageStep * static_cast<double>(i);
    options.push_back(option_of(response, neuron, best_window(response.pre, neuron, coverage)));
  }
  options.push_back(always_exact());
  return options;
}

}  // namespace assay
