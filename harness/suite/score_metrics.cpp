#include "harness/suite/score_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/protocol/metric_range.h"
#include "harness/stats/intervals.h"

namespace assay {
namespace {

MetricValue with_estimate(const std::string& tag, const Estimate& estimate,
                          const std::string& method) {
  MetricValue metric;
  metric.tag = tag;
  metric.n = estimate.n;
  metric.value = estimate.value;
  if (estimate.n < 2) return metric;
  metric.std_error = finite_or_nothing(estimate.std_error);
  if (!std::isfinite(estimate.interval.lo) || !std::isfinite(estimate.interval.hi)) {
    metric.no_interval = fmt::format("{} items that differ too much: no interval", estimate.n);
    return metric;
  }
  const MetricRange range = range_of(tag);
  metric.lo = range.nearest(estimate.interval.lo);
  metric.hi = range.nearest(estimate.interval.hi);
  metric.interval_method = method;
  return metric;
}

Estimate single(double value) { return {value, 0, {value, value}, 1}; }

bool all_finite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

}  // namespace

MetricValue broken_metric(const std::string& tag, std::int64_t total) {
  MetricValue metric;
  metric.tag = tag;
  metric.value = NAN;
  metric.n = total;
  metric.null_reason = "not finite: the model's outputs hold NaN or are out of range";
  return metric;
}

std::optional<double> finite_or_nothing(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

MetricValue proportion_metric(const std::string& tag, std::int64_t hits, std::int64_t total) {
  MetricValue metric;
  const double share = static_cast<double>(hits) / static_cast<double>(total);
  const Interval interval = wilson_interval(hits, total);
  metric.tag = tag;
  metric.value = share;
  metric.lo = interval.lo;
  metric.hi = interval.hi;
  metric.n = total;
  metric.interval_method = "wilson";
  if (total > 1) metric.std_error = std::sqrt(share * (1 - share) / static_cast<double>(total - 1));
  return metric;
}

MetricValue exp_mean_metric(const std::string& tag, std::span<const double> values) {
  if (!all_finite(values) || !std::isfinite(std::exp(mean(values)))) {
    return broken_metric(tag, std::ssize(values));
  }
  if (values.size() == 1) return with_estimate(tag, single(std::exp(values[0])), "");
  return with_estimate(tag, exp_mean_estimate(values), "student_t_logs");
}

MetricValue mean_metric(const std::string& tag, std::span<const double> values) {
  if (!all_finite(values)) return broken_metric(tag, std::ssize(values));
  if (values.size() == 1) return with_estimate(tag, single(values[0]), "");
  return with_estimate(tag, mean_estimate(values), "student_t");
}

}  // namespace assay
