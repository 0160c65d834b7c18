#pragma once
// Bootstrap: the interval of any statistic, by resampling. Draws of n indices are CPython's
// random.Random(seed).randint(0, n - 1) in order, so that results can be reproduced outside.
// Everything throws std::invalid_argument for no values, NaN or infinity, no resamples, or a
// confidence outside (0, 1).

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "harness/stats/intervals.h"

namespace assay {

using Statistic = std::function<double(std::span<const double>)>;
/// Of two samples; pairs have equal indices.
using PairedStatistic = std::function<double(std::span<const double>, std::span<const double>)>;

struct Resampling {
  int resamples = 10'000;
  std::uint64_t seed = 1;
  double confidence = 0.95;
};

struct BootstrapEstimate {
  double value = 0;      ///< the statistic of the sample itself
  double std_error = 0;  ///< standard deviation of the resampled statistics, divisor R - 1
  Interval percentile;
  /// Bias-corrected and accelerated (Efron 1987), acceleration from the jackknife. Absent when it
  /// is not defined: fewer than two values, or resampled statistics that all lie on one side.
  std::optional<Interval> bca;
};

/// Quantiles (definition of `quantile`) of `statistic` over `resamples` draws of n values with
/// replacement. Needs n >= 1 and resamples >= 1.
Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            int resamples, std::uint64_t seed, double confidence = 0.95);

/// Percentile and BCa intervals. Needs resamples >= 2.
BootstrapEstimate bootstrap_estimate(std::span<const double> values, const Statistic& statistic,
                                     const Resampling& resampling = {});

/// Pairs are drawn together. Needs equal sizes.
BootstrapEstimate paired_bootstrap(std::span<const double> a, std::span<const double> b,
                                   const PairedStatistic& statistic,
                                   const Resampling& resampling = {});

/// median(b) / median(a) of two independent samples: a's indices are drawn before b's, each time.
/// `bca` stays absent. Needs positive values.
BootstrapEstimate ratio_of_medians(std::span<const double> a, std::span<const double> b,
                                   const Resampling& resampling = {});

}  // namespace assay
