#pragma once
// Two cells that answer the same question, metric by metric.

#include <string>
#include <vector>

#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

/// Dense twins that two cells were timed next to, each in its own session; nullptr without one.
struct Twins {
  const CellRecord* a = nullptr;
  const CellRecord* b = nullptr;
};

/// Metrics of two cells that both are OK and answer the same question. With twins, times of
/// different sessions are compared relative to them when the rules ask for that.
std::vector<Judgement> judge_cell(const CellRecord& a, const CellRecord& b, const Rules& rules,
                                  const Twins& twins = {});

/// The metric of that tag; nullptr where the cell has none.
const MetricRecord* find_metric(const CellRecord& cell, const std::string& tag);

/// Both were measured in one `assay run`.
bool same_session(const CellRecord& a, const CellRecord& b);

}  // namespace assay
