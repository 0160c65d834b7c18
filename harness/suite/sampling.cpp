#include "harness/suite/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/param_makers.h"
#include "harness/stats/intervals.h"
#include "harness/stats/rank_test.h"

namespace assay {
namespace {

constexpr double kDriftLevel = 0.001;
constexpr double kDriftShare = 0.05;
/// Fewer in a half cannot reach the level whatever they are: 2 / C(14, 7) is the first below it.
constexpr std::size_t kLeastHalf = 7;
constexpr double kUnseenChance = 0.01;
constexpr std::size_t kSpreads = 64;
constexpr double kStableSpread = 0.05;

/// From the later half of the warm-up: its calls are the ones that look like what follows.
std::int64_t loops_for(const std::vector<double>& warmup, double sample_seconds) {
  const std::span<const double> later = std::span(warmup).subspan(warmup.size() / 2);
  const double call = std::max(median(later), 1e-9);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(sample_seconds / call)));
}

ParamSpec seconds_param(const std::string& name, double value, const std::string& help) {
  ParamSpec spec = real_param(name, value, {.min = 0}, help);
  spec.unit = "s";
  return spec;
}

}  // namespace

SamplingRules on_gpu(SamplingRules rules) {
  rules.warmup_calls = std::max<std::int64_t>(rules.warmup_calls, 10);
  rules.warmup_seconds = std::max(rules.warmup_seconds, 1.0);
  rules.samples = std::max<std::int64_t>(rules.samples, 30);
  rules.seconds = std::max(rules.seconds, 2.0);
  rules.max_seconds = std::max(rules.max_seconds, rules.seconds);
  rules.sample_seconds = 2e-4;
  return rules;
}

ParamSpec warmup_seconds_param() {
  return seconds_param("warmup_seconds", SamplingRules().warmup_seconds,
                       "Least time of the warm-up; on a GPU at least 1 s");
}

std::vector<ParamSpec> sampling_params() {
  const SamplingRules rules;
  return {
      warmup_seconds_param(),
      seconds_param("seconds", rules.seconds, "Least time measured; on a GPU at least 2 s"),
      seconds_param(
          "max_seconds", rules.max_seconds,
          "Most time measured while the samples differ by more than 0.5 % and their spread "
          "still changes"),
  };
}

std::vector<ParamSpec> calls_params(std::int64_t warmup, std::int64_t measured,
                                    const std::string& unit,
                                    const std::pair<std::string, std::string>& former) {
  return {
      formerly(count_param("warmup_calls", warmup, 1, unit, "Least calls before the measured ones"),
               {former.first}),
      formerly(
          count_param("measured_calls", measured, 1, unit, "Least measured calls in one process"),
          {former.second}),
  };
}

SamplingRules sampling_rules(const Params& params, bool gpu) {
  SamplingRules rules;
  rules.warmup_calls = params.get_int("warmup_calls");
  rules.warmup_seconds = params.get_real("warmup_seconds");
  rules.samples = params.get_int("measured_calls");
  rules.seconds = params.get_real("seconds");
  rules.max_seconds = std::max(rules.seconds, params.get_real("max_seconds"));
  return gpu ? on_gpu(rules) : rules;
}

void SpreadWatch::add(double sample) {
  ++count_;
  const double before = sample - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (sample - mean_);
  if (count_ < 2) return;
  recent_.push_back(spread());
  if (recent_.size() > kSpreads) recent_.pop_front();
}

double SpreadWatch::spread() const {
  return count_ < 2 ? 0 : std::sqrt(squares_ / static_cast<double>(count_ - 1)) / mean_;
}

bool SpreadWatch::stable() const {
  if (recent_.size() < kSpreads) return false;
  const std::vector<double> values(recent_.begin(), recent_.end());
  return sample_standard_deviation(values) < kStableSpread * mean(values);
}

SampledCalls warm_up_calls(const SamplingRules& rules,
                           const std::function<double(std::int64_t)>& call) {
  SampledCalls result;
  const auto warm = [&] {
    return std::ssize(result.warmup) >= rules.warmup_calls &&
           result.warmup_seconds >= rules.warmup_seconds;
  };
  do {
    result.warmup.push_back(call(1));
    result.warmup_seconds += result.warmup.back();
  } while (!warm());
  result.first = result.warmup.front();
  result.loops = loops_for(result.warmup, rules.sample_seconds);
  return result;
}

SampledCalls sample_calls(const SamplingRules& rules,
                          const std::function<double(std::int64_t)>& call,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  SampledCalls result = warm_up_calls(rules, call);
  SpreadWatch watch;
  const auto enough = [&] {
    if (std::ssize(result.steady) < rules.samples) return false;
    if (result.steady_seconds < rules.seconds) return false;
    result.agreed = result.steady.size() > 1 && (watch.spread() <= rules.spread || watch.stable());
    return result.agreed || result.steady_seconds >= rules.max_seconds;
  };
  do {
    const double seconds = call(result.loops);
    result.steady_seconds += seconds;
    result.steady.push_back(seconds / static_cast<double>(result.loops));
    watch.add(result.steady.back());
    progress(std::ssize(result.steady), std::max(rules.samples, std::ssize(result.steady)));
  } while (!enough());
  return result;
}

std::optional<std::string> drift_between(std::span<const double> early,
                                         std::span<const double> late) {
  if (std::min(early.size(), late.size()) < kLeastHalf) return std::nullopt;
  const double change = median(late) / median(early) - 1;
  if (std::abs(change) <= kDriftShare) return std::nullopt;
  if (rank_test(late, early, Alternative::kTwoSided).p >= kDriftLevel) return std::nullopt;
  return fmt::format("the later half of {} samples took {:.0f} % {} than the earlier one",
                     early.size() + late.size(), 100 * std::abs(change),
                     change > 0 ? "longer" : "less");
}

std::optional<std::string> drift_within(std::span<const double> steady) {
  const std::size_t half = steady.size() / 2;
  return drift_between(steady.first(half), steady.subspan(steady.size() - half));
}

MetricValue percentile_metric(const std::string& tag, std::span<const double> values,
                              double percentile) {
  MetricValue metric;
  metric.tag = tag;
  metric.n = std::ssize(values);
  const auto least =
      static_cast<std::size_t>(std::ceil(std::log(kUnseenChance) / std::log(percentile)));
  if (values.size() >= least) {
    metric.value = quantile(values, percentile);
  } else {
    metric.null_reason =
        fmt::format("n too small: {} samples in a process, and percentile {:g} needs {}",
                    values.size(), 100 * percentile, least);
  }
  return metric;
}

}  // namespace assay
