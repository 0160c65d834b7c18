#include "harness/suite/step_log.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "harness/stats/intervals.h"
#include "harness/stats/power.h"

namespace assay {
namespace {

MetricValue step_metric(const std::string& tag, double value, std::size_t tokens) {
  MetricValue metric;
  metric.tag = tag;
  metric.value = value;
  metric.n = static_cast<std::int64_t>(tokens);
  return metric;
}

/// A percentile of few tokens says nothing, unless all of them are equal.
MetricValue p95_metric(const std::string& tag, const std::vector<double>& values) {
  constexpr double kPercentile = 0.95;
  MetricValue metric = step_metric(tag, quantile(values, kPercentile), values.size());
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const std::int64_t needed = samples_for_percentile(kPercentile);
  if (*least == *most || metric.n >= needed) return metric;
  metric.value.reset();
  metric.null_reason =
      "n too small: " + std::to_string(metric.n) + " of " + std::to_string(needed) + " tokens";
  return metric;
}

/// One value that is the same for every token where nobody told any.
std::vector<double> each_with(std::int64_t fixed, std::vector<double> told) {
  if (told.empty()) told.push_back(0.0);
  for (double& value : told) value += static_cast<double>(fixed);
  return told;
}

}  // namespace

void StepLog::observe(std::int64_t layer, const StepFact& fact, const at::Tensor& values) {
  Series& series = series_[fact.name];
  series.over = fact.layers;
  // Layers come in ascending order: unless passes are told, one that is not higher starts the next.
  if (starts_pass(series, layer)) series.begin = series.sums.size();
  series.last_layer = layer;
  series.pass = pass_;
  const at::Tensor local = values.to(at::kCPU, at::kDouble).contiguous();
  const auto rows = static_cast<std::size_t>(local.numel());
  if (series.sums.size() < series.begin + rows) {
    series.sums.resize(series.begin + rows, 0.0);
    series.divisors.resize(series.begin + rows, 0.0);
  }
  const auto* value = local.const_data_ptr<double>();
  for (std::size_t i = 0; i < rows; ++i) {
    series.sums[series.begin + i] += value[i];
    series.divisors[series.begin + i] += 1.0;
  }
  if (fact.layers == StepFact::Over::kSum) return;
  Told& told = series.layers[layer];
  told.sum = std::accumulate(value, value + rows, told.sum);
  told.rows += rows;
}

std::vector<std::string> StepLog::facts() const {
  std::vector<std::string> names;
  for (const auto& [name, series] : series_) names.push_back(name);
  return names;
}

std::vector<double> StepLog::of(const std::string& fact) const {
  const auto found = series_.find(fact);
  if (found == series_.end()) return {};
  const Series& told = found->second;
  if (told.over == StepFact::Over::kSum) return told.sums;
  std::vector<double> means(told.sums.size());
  std::transform(told.sums.begin(), told.sums.end(), told.divisors.begin(), means.begin(),
                 std::divides<>());
  return means;
}

std::map<std::int64_t, double> StepLog::by_layer(const std::string& fact) const {
  std::map<std::int64_t, double> means;
  const auto found = series_.find(fact);
  if (found == series_.end()) return means;
  for (const auto& [layer, told] : found->second.layers) {
    means[layer] = told.sum / static_cast<double>(told.rows);
  }
  return means;
}

std::vector<MetricValue> step_metrics(const StepLog& log, const Cost& fixed) {
  const std::vector<double> bytes = each_with(fixed.touched_bytes, log.of(kTouchedBytes));
  const std::vector<double> work = each_with(fixed.flops_per_token, log.of(kFlopsPerToken));
  std::vector<MetricValue> metrics = {
      step_metric("step/touched_bytes", mean(bytes), bytes.size()),
      p95_metric("step/touched_bytes_p95", bytes),
      step_metric("step/flops_per_token", mean(work), work.size()),
  };
  for (const std::string& fact : log.facts()) {
    if (fact == kTouchedBytes.name || fact == kFlopsPerToken.name) continue;
    const std::vector<double> told = log.of(fact);
    metrics.push_back(step_metric("step/" + fact, mean(told), told.size()));
    for (const auto& [layer, value] : log.by_layer(fact)) {
      metrics.push_back(
          step_metric("step/layer." + std::to_string(layer) + "/" + fact, value, told.size()));
    }
  }
  return metrics;
}

}  // namespace assay
