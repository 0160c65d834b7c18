#include "harness/suite/timed.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/measure/memory.h"
#include "harness/stats/intervals.h"

namespace assay {

void check_positions(const Model& model, std::int64_t positions, const std::string& what) {
  const std::int64_t most = model.spec().max_positions;
  if (positions <= most) return;
  throw DoesNotApply("suite parameters: " + what + " = " + std::to_string(positions) +
                     " tokens, but the model sees at most " + std::to_string(most) +
                     "; ask for fewer tokens");
}

void SampleLog::add(double seconds, bool warmup) {
  samples_.push_back({tag_, static_cast<std::int64_t>(samples_.size()), seconds, warmup});
}

std::vector<double> SampleLog::steady() const {
  std::vector<double> values;
  for (const Sample& sample : samples_) {
    if (!sample.warmup) values.push_back(sample.value);
  }
  return values;
}

void emit_phases(SuiteContext& context, double first_call, double warmup, double steady) {
  context.emit_samples({{"process/first_call", 0, first_call, false},
                        {"process/warmup", 0, warmup, false},
                        {"process/steady", 0, steady, false}});
}

void emit_calls(SuiteContext& context, const std::string& tag, const SampledCalls& calls) {
  SampleLog log(tag);
  for (const double seconds : calls.warmup) log.add(seconds, /*warmup=*/true);
  for (const double seconds : calls.steady) log.add(seconds, /*warmup=*/false);
  context.emit_samples(log.samples());
  emit_phases(context, calls.first, calls.warmup_seconds, calls.steady_seconds);
  context.emit_samples({{"process/loops", 0, static_cast<double>(calls.loops), false}});
  if (const auto drift = drift_within(calls.steady)) {
    context.remark("not_steady", tag + ": " + *drift);
  }
}

DrawnOutputs::DrawnOutputs(std::size_t count) : places_(count), random_(std::random_device{}()) {}

/// Reservoir sampling.
at::Tensor* DrawnOutputs::next() {
  const std::int64_t call = calls_++;
  std::size_t place = static_cast<std::size_t>(call);
  if (place >= places_.size()) {
    place = std::uniform_int_distribution<std::size_t>(0, place)(random_);
  }
  if (place >= places_.size()) return nullptr;
  places_[place].call = call;
  return &places_[place].values;
}

std::vector<DrawnOutputs::Output> DrawnOutputs::kept() const {
  std::vector<Output> outputs;
  std::copy_if(places_.begin(), places_.end(), std::back_inserter(outputs),
               [](const Output& output) { return output.call >= 0; });
  std::sort(outputs.begin(), outputs.end(),
            [](const Output& a, const Output& b) { return a.call < b.call; });
  return outputs;
}

MetricValue median_metric(const std::string& tag, std::span<const double> seconds) {
  MetricValue metric;
  metric.tag = tag;
  metric.n = static_cast<std::int64_t>(seconds.size());
  if (seconds.empty()) {
    metric.null_reason = "no samples after the warm-up";
    return metric;
  }
  metric.value = median(seconds);
  if (const auto interval = median_interval(seconds)) {
    metric.lo = interval->lo;
    metric.hi = interval->hi;
    metric.interval_method = "order_statistics";
  }
  return metric;
}

MetricValue rate_metric(const std::string& tag, std::span<const double> seconds, double volume) {
  MetricValue metric = median_metric(tag, seconds);
  if (!metric.value) return metric;
  metric.value = volume / *metric.value;
  if (metric.lo) {
    const double slowest = *metric.hi;
    metric.hi = volume / *metric.lo;
    metric.lo = volume / slowest;
  }
  return metric;
}

MetricDef peak_rss_definition() {
  return {"peak_rss",
          "B",
          -1,
          "VmHWM of the timed process at the end of the suite: libraries, loading and inference",
          "Highest resident memory of the process",
          Basis::kMeasured};
}

MetricValue peak_rss_metric() {
  MetricValue metric;
  metric.tag = "peak_rss";
  if (const auto bytes = peak_rss_bytes()) {
    metric.value = static_cast<double>(*bytes);
    metric.n = 1;
  } else {
    metric.null_reason = "/proc/self/status has no VmHWM";
  }
  return metric;
}

}  // namespace assay
