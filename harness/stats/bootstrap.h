#pragma once
// Percentile bootstrap: the interval of any statistic, by resampling.

#include <cstdint>
#include <functional>
#include <span>

#include "harness/stats/intervals.h"

namespace assay {

using Statistic = std::function<double(std::span<const double>)>;

/// Quantiles (definition of `quantile`) of `statistic` over `resamples` draws of n values with
/// replacement. Draws are CPython's random.Random(seed).randint(0, n - 1) in order, so that the
/// interval can be reproduced outside. Needs n >= 1 and resamples >= 1.
Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            int resamples, std::uint64_t seed, double confidence = 0.95);

}  // namespace assay
