#pragma once
// Intervals of what separate processes measured: one positive value each, a process's median.
//
// What is estimated is the level of the session: the median that this arm has on this machine while
// the session lasts. Process medians are taken as log-normal around it, so the interval is
// Student's of their logs, taken back. A machine that drifts during the session spreads the
// medians, which makes the interval wider than need be, never narrower; that another session sits
// on another level it cannot know. A ratio to an arm of the same session should pair the processes
// instead (paired_ratio_interval): drift cancels there.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "harness/stats/intervals.h"

namespace assay {

/// An interval whose ends are further apart than this (upper over lower) is not given: such a value
/// is not known within a factor of two.
inline constexpr double kWidestInterval = 4;
/// Fewer processes give no interval: two cannot show that they agree by chance.
inline constexpr std::size_t kLeastProcesses = 3;

/// Interval of the session's level from the medians of its processes, widened to hold their median
/// where that lies outside; always positive and finite. Nothing for fewer than kLeastProcesses, for
/// a median that is not positive, and for medians so far apart that the interval would be wider
/// than kWidestInterval: withholding it claims nothing, so at most 1 - confidence of all series get
/// an interval that is wrong.
std::optional<Interval> process_interval(std::span<const double> medians, double confidence = 0.95);

/// Why process_interval gives nothing: "3 processes, spread 2.1x: not enough for an interval;
/// processes_per_arm = 12"; "" when it gives one, and without any process.
std::string why_no_process_interval(std::span<const double> medians, double confidence = 0.95);

/// Interval of b / a from pairs of processes that ran next to each other: Student's of the pairs'
/// log-ratios, taken back. Needs positive values and equal sizes >= 2; throws
/// std::invalid_argument.
Interval paired_ratio_interval(std::span<const double> a, std::span<const double> b,
                               double confidence = 0.95);

}  // namespace assay
