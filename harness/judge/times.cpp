#include "harness/judge/times.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/stats/bootstrap.h"
#include "harness/stats/order_test.h"
#include "harness/stats/permutation.h"
#include "harness/stats/power.h"
#include "harness/stats/rank_test.h"

namespace assay {
namespace {

using Values = std::vector<double>;

bool usable(std::span<const double> values) {
  return !values.empty() && std::all_of(values.begin(), values.end(),
                                        [](double v) { return std::isfinite(v) && v > 0; });
}

Values logs(std::span<const double> values) {
  Values result;
  for (const double value : values) result.push_back(std::log(value));
  return result;
}

Interval exponential(const Interval& interval) {
  return {std::exp(interval.lo), std::exp(interval.hi)};
}

/// A ratio as extra cost: 1.25 of something of which more is worse is 0.25.
double cost_of(double ratio, int direction) { return (direction > 0 ? 1 / ratio : ratio) - 1; }

PermutationLimits limits_of(const Rules& rules) {
  PermutationLimits limits;
  limits.seed = rules.seed;
  return limits;
}

/// The alternative under which the candidate costs more, for tests of (candidate, base).
Alternative costs_more(int direction) {
  return direction > 0 ? Alternative::kLess : Alternative::kGreater;
}

Alternative costs_less(int direction) {
  return direction > 0 ? Alternative::kGreater : Alternative::kLess;
}

struct Tested {
  TestResult worse, better;
};

Tested rank_tests(std::span<const double> a, std::span<const double> b, int direction) {
  return {rank_test(b, a, costs_more(direction)), rank_test(b, a, costs_less(direction))};
}

Tested flip_tests(const Values& differences, int direction, const Rules& rules) {
  return {sign_flip_test(differences, costs_more(direction), limits_of(rules)),
          sign_flip_test(differences, costs_less(direction), limits_of(rules))};
}

constexpr std::size_t kFewValues = 8;

/// Equal ratios must be ties for a rank test too: what differs by rounding is made equal.
Values log_ratios(std::span<const double> over, std::span<const double> under) {
  constexpr double kTie = 1e-12;
  Values ratios = logs(over);
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    ratios[i] = std::round((ratios[i] - std::log(under[i])) / kTie) * kTie;
  }
  return ratios;
}

void set_interval(Judgement& judgement, const Interval& interval, const char* method) {
  judgement.interval = interval;
  judgement.interval_method = method;
}

/// Of two independent samples of logs.
double detectable(const Values& a, const Values& b, const Rules& rules) {
  return std::expm1(minimum_detectable_difference(
      sample_standard_deviation(a), a.size(), sample_standard_deviation(b), b.size(), rules.alpha));
}

Tested judge_pairs(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                   int direction, const Rules& rules) {
  const Values differences = log_ratios(b, a);
  judgement.paired_effect = std::exp(mean(differences));
  // Resampling so few pairs gives intervals that are too narrow: of 12, nine in ten hold the truth.
  set_interval(judgement, exponential(mean_estimate(differences).interval), "student_t_pairs");
  judgement.mde = std::expm1(minimum_detectable_effect(sample_standard_deviation(differences),
                                                       differences.size(), rules.alpha));
  judgement.second = rank_tests(a, b, direction).worse;
  return flip_tests(differences, direction, rules);
}

Tested judge_unpaired(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                      int direction, const Rules& rules) {
  because(judgement, "unpaired", "the sides were not timed next to each other in one session");
  const Values log_a = logs(a), log_b = logs(b);
  if (std::min(a.size(), b.size()) < kFewValues) {
    set_interval(judgement, exponential(mean_difference(log_b, log_a).interval), "welch");
  } else {
    set_interval(judgement, ratio_of_medians(a, b, {rules.resamples, rules.seed, 0.95}).percentile,
                 "bootstrap_medians");
  }
  judgement.mde = detectable(log_a, log_b, rules);
  return rank_tests(a, b, direction);
}

/// What the threshold is held against: pair by pair where there are pairs, since drift of the
/// machine cancels there and not in the medians of the arms.
double deciding_cost(const Judgement& judgement, int direction) {
  return cost_of(judgement.paired_effect.value_or(*judgement.effect), direction);
}

std::string estimators_text(const Judgement& judgement) {
  return fmt::format("ratio of the medians {:.3f}, mean ratio of the pairs {:.3f}",
                     *judgement.effect, judgement.paired_effect.value_or(*judgement.effect));
}

/// Both estimators may err; a verdict for or against needs the ratio of the medians beyond the
/// threshold too, unless it is as near to the other one as identical arms are to each other.
void note_disagreement(Judgement& judgement, const Finding& finding, int direction,
                       const Rules& rules) {
  if (!judgement.paired_effect) return;
  const double medians = cost_of(*judgement.effect, direction);
  const double apart = std::abs(std::log(*judgement.effect / *judgement.paired_effect));
  const bool agree = finding.cost > 0 ? medians > finding.limit : medians < -finding.limit_better;
  if (agree || apart <= std::log1p(floor_of(rules))) return;
  because(judgement, "estimators_disagree", estimators_text(judgement));
}

/// The pairs rule out more cost than is allowed, the ratio of the medians shows it.
bool medians_exceed(Judgement& judgement, const Finding& finding, int direction) {
  if (cost_of(*judgement.effect, direction) <= finding.limit) return false;
  because(judgement, "estimators_disagree", estimators_text(judgement));
  return true;
}

/// Reasons that forbid a verdict for or against, whatever the figures.
bool undecidable(Judgement& judgement, const Tested& tested, const Finding& finding, int direction,
                 const Rules& rules) {
  const double least = tested.worse.least_p;
  if (least >= rules.alpha) {
    because(
        judgement, "p_not_attainable",
        fmt::format("with so few processes p is at least {:.2g}, and {:.2g} is asked for; raise "
                    "processes_per_arm",
                    least, rules.alpha));
  }
  note_disagreement(judgement, finding, direction, rules);
  return has_reason(judgement, "p_not_attainable") || has_reason(judgement, "estimators_disagree");
}

Finding finding_of(const Judgement& judgement, const Tested& tested, int direction,
                   const Rules& rules) {
  const double limit = time_limit(rules);
  const double margin = time_margin(rules);
  const double one = cost_of(judgement.interval->lo, direction);
  const double other = cost_of(judgement.interval->hi, direction);
  return {.cost = deciding_cost(judgement, direction),
          .lo = std::min(one, other),
          .hi = std::max(one, other),
          .p_worse = tested.worse.p,
          .p_better = tested.better.p,
          .limit = limit,
          .limit_better = 1 - 1 / (1 + limit),
          .margin = margin,
          .margin_better = 1 - 1 / (1 + margin),
          .alpha = rules.alpha};
}

constexpr double kDriftLevel = 0.05;
/// A steady drift puts one block of processes this far from the next, as parts of what it moved
/// within a block, and a little more.
constexpr double kBeyondDrift = 1.25;

/// How far the values of a side moved (in logs) when they hang together in their order; else 0.
double moved(std::span<const double> side, const Rules& rules) {
  if (side.size() < kFewValues) return 0;
  PermutationLimits limits = limits_of(rules);
  limits.draws = 2000;
  const Values values = logs(side);
  if (order_test(values, limits).p >= kDriftLevel) return 0;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *most - *least;
}

/// Unpaired sides that drifted while they were measured: their difference may be the drift's.
bool order_drift(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                 double cost, const Rules& rules) {
  const double drift = std::max(moved(a, rules), moved(b, rules));
  if (drift <= 0 || std::abs(std::log1p(cost)) > kBeyondDrift * drift) return false;
  because(judgement, "order_drift",
          fmt::format("a side moved by {:.1f} % while it was measured: time both next to each "
                      "other in one session",
                      100 * std::expm1(drift)));
  return true;
}

/// False, with the verdict that this is, when the values decide nothing.
bool worth_judging(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                   bool pairs_fit, const Rules& rules) {
  judgement.timed = true;
  judgement.threshold = time_limit(rules);
  judgement.n_a = a.size();
  judgement.n_b = b.size();
  if (!usable(a) || !usable(b) || !pairs_fit) {
    judgement.verdict = Verdict::kNotMeasured;
    because(judgement, "bad_samples", "a side has no values, or values that are not positive");
    return false;
  }
  judgement.effect = median(b) / median(a);
  if (std::min(a.size(), b.size()) < 2) {
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "one_process", "a side has one value, which says nothing about another one");
    return false;
  }
  return true;
}

void conclude(Judgement& judgement, const Tested& tested, int direction, const Rules& rules) {
  const Finding finding = finding_of(judgement, tested, direction, rules);
  judgement.test = finding.cost < 0 ? tested.better : tested.worse;
  if (!rules.noise_floor) {
    because(judgement, "floor_not_measured",
            fmt::format("a shared machine's {:.1f} % is assumed", 100 * kSharedFloor));
  }
  decide(judgement, finding);
  if (judgement.verdict == Verdict::kSame) return;
  const bool in_doubt = judgement.verdict == Verdict::kNotWorse
                            ? medians_exceed(judgement, finding, direction)
                            : undecidable(judgement, tested, finding, direction, rules);
  if (in_doubt) judgement.verdict = Verdict::kAmbiguous;
}

}  // namespace

void judge_times(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                 bool paired, int direction, const Rules& rules) {
  if (!worth_judging(judgement, a, b, !paired || a.size() == b.size(), rules)) return;
  const Tested tested = paired ? judge_pairs(judgement, a, b, direction, rules)
                               : judge_unpaired(judgement, a, b, direction, rules);
  conclude(judgement, tested, direction, rules);
  if (!paired && judgement.verdict != Verdict::kSame &&
      order_drift(judgement, a, b, cost_of(*judgement.effect, direction), rules)) {
    judgement.verdict = Verdict::kAmbiguous;
  }
}

void judge_relative_times(Judgement& judgement, const WithTwin& base, const WithTwin& candidate,
                          int direction, const Rules& rules) {
  const bool pairs_fit = usable(base.twin) && usable(candidate.twin) &&
                         base.times.size() == base.twin.size() &&
                         candidate.times.size() == candidate.twin.size();
  if (!worth_judging(judgement, base.times, candidate.times, pairs_fit, rules)) return;
  const Values before = log_ratios(base.times, base.twin);
  const Values after = log_ratios(candidate.times, candidate.twin);
  because(judgement, "relative_to_twins",
          fmt::format("other sessions: each side against its own dense twin; the times alone: "
                      "{:+.1f} %",
                      100 * (*judgement.effect - 1)));
  judgement.relative = true;
  judgement.effect = *judgement.effect * median(base.twin) / median(candidate.twin);
  const Estimate difference = mean_difference(after, before);
  judgement.paired_effect = std::exp(difference.value);
  set_interval(judgement, exponential(difference.interval), "welch");
  judgement.mde = detectable(before, after, rules);
  conclude(judgement, rank_tests(before, after, direction), direction, rules);
}

Judgement confirmed(const Judgement& first, const Judgement& second, const Judgement& both) {
  Judgement result = both;
  const double alone = second.effect ? cost_of(*second.effect, first.direction) : 0;
  if (both.verdict == Verdict::kWorse && alone > first.threshold / 2) {
    result.confirmed = true;
    return result;
  }
  result.verdict = Verdict::kAmbiguous;
  return because(
      result, "confirmation_failed",
      fmt::format("worse at first ({:+.1f} %), but fresh processes say {:+.1f} %",
                  100 * (first.effect.value_or(1) - 1), 100 * (second.effect.value_or(1) - 1)));
}

}  // namespace assay
