#pragma once
// Two instruments on one thing: the clock and a count of instructions.

#include <functional>
#include <vector>

#include "harness/judge/verdict.h"

namespace assay {

/// The metric that the count belongs to, and its own; see harness/protocol/common_metrics.h.
inline constexpr const char* kCountedLatency = "kernel/latency";

/// Holds the verdict about the time of a kernel against that about its instructions. Where the
/// clock says better or worse and the count does not say the same, the verdict becomes ambiguous;
/// where only the count says so, the verdict stands. Both get the reason "instruments_disagree".
/// `count` is asked for when there is a time to hold it against; "not measured" (no count, or
/// counts of two instruction sets) changes nothing.
void hold_against_count(std::vector<Judgement>& judgements,
                        const std::function<Judgement()>& count);

}  // namespace assay
