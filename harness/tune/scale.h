#pragma once
// Metrics on scales on which more is better and a surface is fitted.

#include <optional>
#include <string>

#include "harness/store/store.h"

namespace assay::tune {

/// How values of one metric are compared. Shares of items (an accuracy) in points, by their
/// difference; all others in logarithms, by their ratio.
class Scale {
 public:
  /// `direction`: 1 more is better, -1 less is.
  Scale(Basis basis, int direction);

  [[nodiscard]] bool points() const { return points_; }
  /// Higher is better. Nothing for a value that has no logarithm.
  [[nodiscard]] std::optional<double> inner(double value) const;
  [[nodiscard]] double value(double inner) const;
  /// Variance of inner(value) behind a 95 % interval; 0 where there is none.
  [[nodiscard]] double variance(const ResultRow& row) const;
  /// How much lower inner(value) may be for a budget: points of a share, percent of the value else.
  [[nodiscard]] double allowed(double budget) const;

 private:
  bool points_;
  int direction_;
};

}  // namespace assay::tune
