#pragma once
// Judging what was measured in processes: times, throughputs.

#include <span>

#include "harness/judge/verdict.h"

namespace assay {

/// Fills verdict, effect, interval, tests and reasons of `judgement` from the process medians of
/// both sides. `paired`: a[i] and b[i] ran next to each other in one session; both spans have one
/// length then. The effect is the ratio of the medians. Decides:
///  * pairs: sign flips of the log-ratios, one-sided at rules.alpha, and their mean against the
///    threshold (the drift of a machine cancels in pairs, not in the medians of the arms);
///    interval: Student's t of that mean; the rank test stands beside it. Where the ratio of the
///    medians is not beyond the threshold and differs by more than the noise floor, "ambiguous"
///    (estimators_disagree);
///  * no pairs: the rank test, and the ratio of the medians; interval: percentile bootstrap of it,
///    Welch's t of the logs below eight processes a side. Sides that drifted while they were
///    measured are "ambiguous" (order_drift) unless they differ by more than they moved.
/// `direction` -1: more is worse, +1: less is worse. Values that are not positive and finite make
/// it "not measured" (bad_samples), one value a side "ambiguous" (one_process).
void judge_times(Judgement& judgement, std::span<const double> a, std::span<const double> b,
                 bool paired, int direction, const Rules& rules);

/// Process medians of one side and of its dense twin, timed next to each other in one session.
struct WithTwin {
  std::span<const double> times, twin;  ///< one length
};

/// Sides of different sessions, each relative to its own dense twin: what the machine did between
/// the sessions touches both alike and cancels. Compares the log-ratios time / twin of both sides
/// by the rank test; the estimate held against the threshold is exp of the difference of their
/// means, its interval Welch's. The effect is the ratio of the ratios of medians. Reason
/// `relative_to_twins` says what the times alone would have said.
void judge_relative_times(Judgement& judgement, const WithTwin& base, const WithTwin& candidate,
                          int direction, const Rules& rules);

/// `first` said worse; `second` is what fresh processes alone said, `both` all of them together.
/// Worse stays when both together are worse and the second round alone shows at least half of what
/// is allowed; else the verdict becomes ambiguous (confirmation_failed).
Judgement confirmed(const Judgement& first, const Judgement& second, const Judgement& both);

}  // namespace assay
