#pragma once
// Which values can be told apart, by what is behind them.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/judge/pairs.h"
#include "harness/stats/intervals.h"
#include "harness/store/records.h"
#include "harness/store/store.h"

namespace assay {

/// Compares two values of one metric, in this order of preference: pair by pair, where both were
/// timed side by side or answered the same items (Student's of the pairs); by their 95 % intervals,
/// which must not overlap; as they stand, where the quantity does not vary (bytes) or came out of a
/// file. What varies and has no interval is never told apart.
class Evidence {
 public:
  Evidence() = default;
  /// `cells` must outlive this and stay where they are.
  explicit Evidence(const std::vector<CellRecord>& cells);

  /// Whether there is anything to compare them by but two numbers that vary.
  [[nodiscard]] bool comparable(const ResultRow& a, const ResultRow& b) const;
  /// `confidence` is that of the pairs' interval.
  [[nodiscard]] bool apart(const ResultRow& a, const ResultRow& b, double confidence = 0.95) const;
  /// Interval of row / twin from pairs; nothing without pairs of a positive quantity.
  [[nodiscard]] std::optional<Interval> ratio(const ResultRow& row, const ResultRow& twin) const;

 private:
  [[nodiscard]] std::optional<Pairs> pairs(const ResultRow& a, const ResultRow& b) const;
  std::unordered_map<std::string, const CellRecord*> cells_;
  mutable LogMedians medians_;
};

}  // namespace assay
