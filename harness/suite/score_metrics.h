#pragma once
// Summary values of accuracy suites, and what they say when a score is not finite.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "harness/protocol/protocol.h"

namespace assay {

/// A proportion with lm-evaluation-harness's standard error sqrt(p (1 - p) / (n - 1)) and Wilson's
/// interval. Needs total >= 1.
MetricValue proportion_metric(const std::string& tag, std::int64_t hits, std::int64_t total);

/// exp(mean) of `values`, standard error by the delta method, interval exp of Student's interval of
/// the mean. Needs values.size() >= 1. No bound is outside of the metric's range (metric_range.h).
MetricValue exp_mean_metric(const std::string& tag, std::span<const double> values);

/// Mean with Student's t interval, cut where the metric's range ends. Needs values.size() >= 1.
MetricValue mean_metric(const std::string& tag, std::span<const double> values);

/// NaN, because the scores behind it are NaN or infinite: the attempt gets the outcome NAN.
MetricValue broken_metric(const std::string& tag, std::int64_t total);

/// The value, or nothing when it is NaN or infinite: JSON has no such numbers.
std::optional<double> finite_or_nothing(double value);

}  // namespace assay
