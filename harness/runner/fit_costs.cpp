#include "harness/runner/fit_costs.h"

#include <algorithm>
#include <string_view>

namespace assay {
namespace {

constexpr std::string_view kSeconds = "fit/seconds";

enum class Joined { kSum, kLargest, kLast };

Joined joined(const std::string& tag) {
  if (tag == kSeconds || tag == "fit/calibration_tokens" || tag == "fit/training_tokens" ||
      tag == "artefact/bytes") {
    return Joined::kSum;
  }
  return tag == "fit/peak_rss" ? Joined::kLargest : Joined::kLast;
}

MetricValue named(std::string tag, double value) {
  MetricValue metric;
  metric.tag = std::move(tag);
  metric.value = value;
  metric.n = 1;
  return metric;
}

}  // namespace

void FitCosts::take(const MetricValue& value, bool applied) {
  if (value.tag == "artefact/bytes" && !applied) return;
  const auto found = std::find_if(metrics_.begin(), metrics_.end(),
                                  [&](const MetricValue& m) { return m.tag == value.tag; });
  if (found == metrics_.end()) {
    metrics_.push_back(value);
    return;
  }
  const Joined how = joined(value.tag);
  if (how == Joined::kLast || !found->value || !value.value) {
    *found = value;
  } else {
    found->value =
        how == Joined::kSum ? *found->value + *value.value : std::max(*found->value, *value.value);
  }
}

void FitCosts::add(const std::string& job, const FitRecord& record, bool applied, bool here) {
  for (const MetricValue& value : record.metrics) {
    take(value, applied);
    if (value.tag != kSeconds || !value.value) continue;
    seconds_.push_back(named(std::string(kSeconds) + "/" + job, *value.value));
    if (here) here_ += *value.value;
  }
}

std::vector<MetricValue> FitCosts::metrics() const {
  std::vector<MetricValue> all = metrics_;
  if (seconds_.empty()) return all;
  all.push_back(named("fit/seconds_here", here_));
  if (seconds_.size() > 1) all.insert(all.end(), seconds_.begin(), seconds_.end());
  return all;
}

}  // namespace assay
