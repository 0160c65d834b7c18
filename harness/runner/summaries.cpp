#include "harness/runner/summaries.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "harness/protocol/common_metrics.h"
#include "harness/stats/intervals.h"

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
  return {.tag = tag, .unit = "", .direction = 0, .convention = "", .help = ""};
}

/// A process's value of each tag.
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

MetricValue summary(const std::string& tag, const std::vector<double>& values) {
  MetricValue result;
  result.tag = tag;
  result.value = median(values);
  result.n = static_cast<std::int64_t>(values.size());
  if (values.size() < 2) return result;
  const Estimate of_mean = mean_estimate(values);
  const std::optional<Interval> of_median = median_interval(values);
  const Interval interval = of_median ? *of_median : of_mean.interval;
  result.std_error = of_mean.std_error;
  result.lo = interval.lo;
  result.hi = interval.hi;
  result.interval_method = of_median ? "order_statistics" : "student_t";
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

std::vector<MetricValue> summarise_processes(const std::vector<WorkerReply>& processes) {
  std::map<std::string, std::vector<double>> values;
  for (const WorkerReply& process : processes) {
    for (const auto& [tag, value] : process_values(process)) values[tag].push_back(value);
  }
  std::vector<MetricValue> result;
  for (const auto& [tag, list] : values) result.push_back(summary(tag, list));
  return result;
}

}  // namespace assay
