#pragma once
// Judging metrics of which only a summary is stored.

#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

/// Counts and bytes do not vary: the ratio against the threshold decides, without a test. Summaries
/// with intervals are worse (or better) when the intervals are disjoint and the ratio is beyond the
/// threshold. A time, throughput or process figure of one process is "ambiguous" (one_process).
void judge_values(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                  const Rules& rules);

/// True for figures of a single process: "fit/..." and "process/...".
bool of_one_process(const std::string& tag);

}  // namespace assay
