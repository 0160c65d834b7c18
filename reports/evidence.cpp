#include "reports/evidence.h"

#include <cmath>

#include "harness/store/report_records.h"

namespace assay {
namespace {

bool overlap(const ResultRow& a, const ResultRow& b) { return *a.lo <= *b.hi && *b.lo <= *a.hi; }

bool has_interval(const ResultRow& row) { return row.lo && row.hi; }

/// Nothing more can be said of it than the value.
bool stands(const ResultRow& row) {
  if (row.profile == kImportedProfile) return true;
  return row.no_interval.empty() && row.basis == Basis::kExact;
}

}  // namespace

Evidence::Evidence(const std::vector<CellRecord>& cells) {
  for (const CellRecord& cell : cells) {
    if (cell.status == "OK") cells_.emplace(cell.cell_key, &cell);
  }
}

std::optional<Pairs> Evidence::pairs(const ResultRow& a, const ResultRow& b) const {
  const auto left = cells_.find(a.cell_key);
  const auto right = cells_.find(b.cell_key);
  if (left == cells_.end() || right == cells_.end()) return std::nullopt;
  return pairs_of(*left->second, *right->second, a.metric, medians_);
}

bool Evidence::comparable(const ResultRow& a, const ResultRow& b) const {
  return (has_interval(a) && has_interval(b)) || (stands(a) && stands(b)) || pairs(a, b);
}

bool Evidence::apart(const ResultRow& a, const ResultRow& b, double confidence) const {
  if (a.value == b.value) return false;
  const bool intervals = has_interval(a) && has_interval(b);
  // Two disjoint 95 % intervals are worth more than 99 %, and cost nothing to look at.
  if (intervals && confidence <= 0.99 && !overlap(a, b)) return true;
  if (const auto both = pairs(a, b)) {
    const Interval interval = mean_estimate(both->differences, confidence).interval;
    return interval.lo > 0 || interval.hi < 0;
  }
  if (intervals) return !overlap(a, b);
  return stands(a) && stands(b);
}

std::optional<Interval> Evidence::ratio(const ResultRow& row, const ResultRow& twin) const {
  const auto both = pairs(twin, row);
  if (!both || !both->logs) return std::nullopt;
  const Interval interval = mean_estimate(both->differences).interval;
  return Interval{std::exp(interval.lo), std::exp(interval.hi)};
}

}  // namespace assay
