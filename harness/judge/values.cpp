#include "harness/judge/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

/// True of what does not vary, and of memory: it differs by some pages from process to process, far
/// less than the threshold of what is measured.
bool one_value_tells(const MetricDef& def) {
  return def.basis == Basis::kExact || (def.basis == Basis::kMeasured && def.unit == "B");
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

bool positive(double a, double b) { return std::isfinite(a) && std::isfinite(b) && a > 0 && b > 0; }

/// Any change beyond the limit is one, also from or to 0, where no ratio says how large.
void judge_exactly(Judgement& judgement, double from, double to, double limit) {
  judgement.threshold = limit;
  if (!positive(from, to)) {
    because(judgement, "from_zero", "a side is 0, so that there is no ratio");
    judgement.verdict =
        (to > from) == (judgement.direction > 0) ? Verdict::kBetter : Verdict::kWorse;
    return;
  }
  judgement.effect = to / from;
  const double cost = (judgement.direction > 0 ? from / to : to / from) - 1;
  Finding finding = finding_of(cost, {cost, cost}, limit);
  finding.p_worse = finding.p_better = 0;
  decide(judgement, finding);
}

void judge_intervals(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                     double cost, const Rules& rules) {
  const Interval left{*a.summary.lo, *a.summary.hi};
  const Interval right{*b.summary.lo, *b.summary.hi};
  const bool measured = a.def.basis == Basis::kMeasured;
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

/// Why values without intervals decide nothing.
Reason undecided(const MetricDef& def) {
  if (def.basis == Basis::kMeasured) {
    return {"one_process", "one process a side says nothing about another one"};
  }
  if (of_items(def.basis)) {
    return {"one_item", "neither items nor an interval are stored, only one value a side"};
  }
  return {"not_declared", "nobody has said whether this number varies, and it has no interval"};
}

/// Of what varies, or may: intervals decide, where both sides have one.
void judge_uncertain(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                     const Rules& rules) {
  const double from = *a.summary.value;
  const double to = *b.summary.value;
  judgement.verdict = Verdict::kAmbiguous;
  if (!positive(from, to)) {
    because(judgement, "from_zero", "a side is not positive, so that there is no ratio");
    return;
  }
  judgement.effect = to / from;
  if (has_interval(a) && has_interval(b)) {
    judge_intervals(judgement, a, b, (judgement.direction > 0 ? from / to : to / from) - 1, rules);
    return;
  }
  if (a.def.basis == Basis::kMeasured) judgement.threshold = time_limit(rules);
  judgement.reasons.push_back(undecided(a.def));
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
  if (!std::isfinite(from) || !std::isfinite(to)) {
    judgement.verdict = Verdict::kNotMeasured;
    because(judgement, "bad_samples", "a side is not a finite number");
  } else if (from == to && one_value_tells(a.def)) {
    call_identical(judgement, /*difference=*/false);
  } else if (one_value_tells(a.def)) {
    const bool exact = a.def.basis == Basis::kExact;
    judge_exactly(judgement, from, to, exact ? rules.size_threshold : time_limit(rules));
  } else {
    judge_uncertain(judgement, a, b, rules);
  }
}

}  // namespace assay
