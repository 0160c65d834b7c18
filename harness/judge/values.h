#pragma once
// Judging metrics of which only a summary is stored.

#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

/// By the basis that the metric declares. What is exact does not vary: the ratio against the
/// threshold decides, without a test, and a change from or to 0 is beyond every threshold. So it is
/// for memory that is measured (bytes), at the threshold of times: one process tells it. Of
/// everything else the stored intervals decide: worse (or better) when they are disjoint and the
/// ratio is beyond the threshold. Without them it is "ambiguous": one_process for what is measured,
/// one_item for scores of items, not_declared where nobody has said what the metric rests on.
void judge_values(Judgement& judgement, const MetricRecord& a, const MetricRecord& b,
                  const Rules& rules);

/// True for figures of a single process: "fit/..." and "process/...".
bool of_one_process(const std::string& tag);

}  // namespace assay
