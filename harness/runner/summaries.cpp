#include "harness/runner/summaries.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "harness/protocol/common_metrics.h"
#include "harness/protocol/metric_range.h"
#include "harness/stats/intervals.h"
#include "harness/stats/process_interval.h"

namespace assay {
namespace {

MetricDef definition_of(const SuiteKindEntry& kind, const std::string& tag) {
  const auto of_tag = [&](const MetricDef& def) { return def.tag == tag; };
  const auto own = std::find_if(kind.metrics.begin(), kind.metrics.end(), of_tag);
  if (own != kind.metrics.end()) return *own;
  for (const auto* common : {&accounting_metrics(), &fit_metrics(), &process_metrics()}) {
    const auto found = std::find_if(common->begin(), common->end(), of_tag);
    if (found != common->end()) return *found;
  }
  MetricDef unknown;
  unknown.tag = tag;
  return unknown;
}

void set_interval(MetricValue& result, const Interval& interval, const MetricRange& range,
                  const char* method) {
  result.lo = range.nearest(interval.lo);
  result.hi = range.nearest(interval.hi);
  result.interval_method = method;
}

/// Nothing where logarithms do not exist and the processes are too few to be put in order, unless
/// all of them agree.
std::optional<Interval> interval_with_zeros(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  if (least == most && values.size() >= kLeastProcesses) return Interval{least, most};
  return median_interval(values);
}

void add_interval(MetricValue& result, const std::vector<double>& values,
                  const MetricRange& range) {
  if (range.least < 0) {
    set_interval(result, mean_estimate(values).interval, range, "student_t");
    return;
  }
  const bool with_zeros = std::ranges::min(values) <= 0;
  const auto interval = with_zeros ? interval_with_zeros(values) : process_interval(values);
  if (interval) {
    set_interval(result, *interval, range, with_zeros ? "order_statistics" : "student_t_logs");
  } else {
    result.no_interval = why_no_process_interval(values);
  }
}

MetricValue summary(const MetricDef& definition, const std::vector<double>& values) {
  MetricValue result;
  result.tag = definition.tag;
  result.value = median(values);
  result.n = static_cast<std::int64_t>(values.size());
  if (values.size() < 2) {
    result.no_interval = why_no_process_interval(values);
    return result;
  }
  result.std_error = mean_estimate(values).std_error;
  add_interval(result, values, range_of(definition.tag, definition.unit));
  return result;
}

}  // namespace

std::vector<MetricDef> definitions_for(const SuiteKindEntry& kind,
                                       const std::vector<MetricValue>& values,
                                       const std::vector<Sample>& samples) {
  std::map<std::string, MetricDef> definitions;
  for (const MetricValue& value : values) definitions[value.tag] = definition_of(kind, value.tag);
  for (const Sample& sample : samples) definitions[sample.tag] = definition_of(kind, sample.tag);
  std::vector<MetricDef> result;
  for (auto& [tag, definition] : definitions) result.push_back(std::move(definition));
  return result;
}

std::map<std::string, double> process_values(const WorkerReply& process) {
  std::map<std::string, double> values;
  for (const MetricValue& metric : process.metrics) {
    if (metric.value) values[metric.tag] = *metric.value;
  }
  std::map<std::string, std::vector<double>> samples;
  for (const Sample& sample : process.samples) {
    if (!sample.warmup) samples[sample.tag].push_back(sample.value);
  }
  for (const auto& [tag, list] : samples) values[tag] = median(list);
  return values;
}

std::vector<MetricValue> summarise_processes(const SuiteKindEntry& kind,
                                             const std::vector<WorkerReply>& processes) {
  std::map<std::string, std::vector<double>> values;
  for (const WorkerReply& process : processes) {
    for (const auto& [tag, value] : process_values(process)) values[tag].push_back(value);
  }
  std::vector<MetricValue> result;
  for (const auto& [tag, list] : values) result.push_back(summary(definition_of(kind, tag), list));
  return result;
}

}  // namespace assay
