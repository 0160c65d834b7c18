#include "harness/judge/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace assay {
namespace {

bool varies(const MetricRecord& metric) {
  if (metric.def.unit == "tokens") return false;
  constexpr std::array<std::string_view, 5> kMeasured = {"s", "tokens/s", "J", "W", "FLOP/s"};
  return of_one_process(metric.def.tag) ||
         std::find(kMeasured.begin(), kMeasured.end(), metric.def.unit) != kMeasured.end();
}

bool has_interval(const MetricRecord& metric) {
  return metric.summary.lo && metric.summary.hi && metric.summary.n > 1;
}

Finding finding_of(double cost, const Interval& interval, double limit) {
  const double better = 1 - 1 / (1 + limit);
  return {.cost = cost,
          .lo = interval.lo,
          .hi = interval.hi,
          .limit = limit,
          .limit_better = better,
          .margin = limit,
          .margin_better = better};
}

void judge_exactly(Judgement& judgement, double cost, const Rules& rules) {
  judgement.threshold = rules.size_threshold;
  Finding finding = finding_of(cost, {cost, cost}, rules.size_threshold);
  finding.p_worse = finding.p_better = 0;
  decide(judgement, finding);
}

void judge_intervals(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                     double cost, const Rules& rules) {
  const Interval left{*a.summary.lo, *a.summary.hi};
  const Interval right{*b.summary.lo, *b.summary.hi};
  const bool measured = varies(a);
  judgement.threshold = measured ? time_limit(rules) : rules.quality_threshold;
  if (!(left.lo > 0 && right.lo > 0)) {
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "not_significant", "an interval reaches 0, so that no ratio is bounded");
    return;
  }
  judgement.interval = Interval{right.lo / left.hi, right.hi / left.lo};
  judgement.interval_method = "of_stored_intervals";
  const auto as_cost = [&](double ratio) {
    return (judgement.direction > 0 ? 1 / ratio : ratio) - 1;
  };
  const double one = as_cost(judgement.interval->lo);
  const double other = as_cost(judgement.interval->hi);
  Finding finding =
      finding_of(cost, {std::min(one, other), std::max(one, other)}, judgement.threshold);
  const bool disjoint = left.hi < right.lo || right.hi < left.lo;
  finding.p_worse = finding.p_better = disjoint ? 0 : 1;
  decide(judgement, finding);
}

}  // namespace

bool of_one_process(const std::string& tag) {
  return tag.starts_with("fit/") || tag.starts_with("process/");
}

void judge_values(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                  const Rules& rules) {
  const double from = *a.summary.value;
  const double to = *b.summary.value;
  judgement.n_a = static_cast<std::size_t>(a.summary.n);
  judgement.n_b = static_cast<std::size_t>(b.summary.n);
  if (from == to && !varies(a) && !has_interval(a)) {
    judgement.verdict = Verdict::kSame;
    judgement.threshold = rules.size_threshold;
    if (from != 0) judgement.effect = 1;
    return;
  }
  if (!std::isfinite(from) || !std::isfinite(to) || from <= 0 || to <= 0) {
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "bad_samples", "a side is not positive, so that there is no ratio");
    return;
  }
  judgement.effect = to / from;
  const double cost = (judgement.direction > 0 ? from / to : to / from) - 1;
  if (has_interval(a) && has_interval(b)) {
    judge_intervals(judgement, a, b, cost, rules);
  } else if (varies(a)) {
    judgement.threshold = time_limit(rules);
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "one_process", "one process a side says nothing about another one");
  } else {
    judge_exactly(judgement, cost, rules);
  }
}

}  // namespace assay
