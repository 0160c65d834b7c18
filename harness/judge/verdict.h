#pragma once
// What a comparison of one metric says.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/stats/intervals.h"
#include "harness/stats/test_result.h"

namespace assay {

/// kNotWorse: too uncertain to be called the same, but a change for the worse beyond what is
/// allowed is ruled out.
enum class Verdict { kBetter, kSame, kNotWorse, kWorse, kAmbiguous, kNotMeasured };

/// "better", "same", "not worse", "worse", "ambiguous", "not measured".
std::string verdict_name(Verdict verdict);

/// Why a verdict is what it is, or what a reader must know beside it. Codes: identical,
/// below_threshold, within_limit, not_significant, from_zero, items_not_stored, not_declared,
/// one_item, one_process, too_few_pairs, p_not_attainable, estimators_disagree, unpaired,
/// order_drift, floor_not_measured, relative_to_twins, not_confirmed, confirmation_failed,
/// missing_base, missing_candidate, not_ok, no_value, key_differs, convention_differs,
/// items_differ, bad_samples, instruments_disagree.
struct Reason {
  std::string code, text;
};

/// Items whose answer differs between the sides, even where the accuracy is equal.
struct Flips {
  std::int64_t right_to_wrong = 0, wrong_to_right = 0;
  /// Another wrong answer; absent where it is not stored which answer was given.
  std::optional<std::int64_t> wrong_to_wrong;
  std::int64_t items = 0;
  /// Share of the items that differ in any of these ways.
  [[nodiscard]] double rate() const {
    const auto flipped = right_to_wrong + wrong_to_right + wrong_to_wrong.value_or(0);
    return items > 0 ? static_cast<double>(flipped) / static_cast<double>(items) : 0;
  }
};

/// When a difference counts. Shares are relative: 0.1 allows 10 % more cost.
struct Rules {
  double time_threshold = 0.10;     ///< of what is measured in processes
  double points_threshold = 0.01;   ///< of accuracies, absolute: one point
  double quality_threshold = 0.01;  ///< of other scores of items: perplexity, divergence
  double size_threshold = 0.01;     ///< of counts and bytes, which do not vary
  double alpha = 0.01;              ///< one-sided, of process medians
  double alpha_items = 0.05;        ///< two-sided, of items
  /// 90th percentile of |ratio - 1| of identical arms on this profile; the shared machine's
  /// default (kSharedFloor) is taken, and said, when it was not measured.
  std::optional<double> noise_floor;
  double floor_factor = 2;
  /// Globs ("decode/*") of the metrics to judge. Empty: all that have a better direction, but for
  /// those of one process ("fit/*", "process/*") and counts of instructions, which stand beside
  /// the times.
  std::vector<std::string> metrics;
  /// Times of different sessions: compare each side's ratio to its own dense twin where both have
  /// one, since that cancels what the machine did between the sessions.
  bool relative_to_twins = true;
  std::uint64_t seed = 1;  ///< of resampling and of random permutations
  int resamples = 10'000;
};

inline constexpr double kSharedFloor = 0.035;
double floor_of(const Rules& rules);
/// max(time_threshold, floor_factor x floor).
double time_limit(const Rules& rules);
/// What is called equal: min(time_limit, 2 x floor).
double time_margin(const Rules& rules);

struct Judgement {
  Verdict verdict = Verdict::kNotMeasured;
  std::vector<Reason> reasons;
  std::string metric, unit, convention;
  int direction = 0;                 ///< +1 higher is better, -1 lower is better
  std::optional<double> a, b;        ///< values of base and candidate
  std::optional<double> effect;      ///< candidate / base, or candidate - base
  std::optional<Interval> interval;  ///< 95 %, of the effect
  /// "student_t_pairs", "bootstrap_medians", "welch", "student_t_items", "bootstrap_items",
  /// "of_stored_intervals"; "" without an interval.
  std::string interval_method;
  bool difference = false;  ///< the effect is a difference (accuracies), not a ratio
  /// exp of the mean of the pairs' log-ratios, beside the ratio of medians; relative to twins, of
  /// the candidate over that of the base.
  std::optional<double> paired_effect;
  std::optional<TestResult> test;    ///< what decided
  std::optional<TestResult> second;  ///< the rank test beside a paired one
  std::optional<double> p_mid;       ///< McNemar's mid-p, beside the exact p
  std::optional<Flips> flips;        ///< of accuracies
  std::optional<double> p_holm;      ///< the test's p, corrected for all tests of the comparison
  double threshold = 0;              ///< allowed change for the worse, in the effect's terms
  std::optional<double> mde;         ///< what would have been found with 80 % power, likewise
  std::size_t n_a = 0, n_b = 0;      ///< processes or items
  bool timed = false;                ///< judged by process medians
  bool relative = false;             ///< the effect is a ratio of ratios to the dense twins
  bool confirmed = false;            ///< a second round of fresh processes agreed
};

/// Adds a reason; returns the judgement for chaining.
Judgement& because(Judgement& judgement, const std::string& code, const std::string& text);
[[nodiscard]] bool has_reason(const Judgement& judgement, const std::string& code);

/// Both sides measured the same values: "same", whatever their number.
void call_identical(Judgement& judgement, bool difference);

/// The common end of all other judgements. `cost` is the effect for the worse: above 0 is worse,
/// `lo` and `hi` its interval; `p_worse` and `p_better` are one-sided or two-sided as the caller's
/// level is.
struct Finding {
  double cost = 0, lo = 0, hi = 0;
  double p_worse = 1, p_better = 1;
  double limit = 0;         ///< worse beyond it
  double limit_better = 0;  ///< better below minus this
  double margin = 0;        ///< same when the interval lies inside +- this
  double margin_better = 0;
  double alpha = 0.01;
};
void decide(Judgement& judgement, const Finding& finding);

}  // namespace assay
