#pragma once
// What a reader looks for first in a table.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/cells.h"
#include "reports/document.h"
#include "reports/evidence.h"

namespace assay {

/// A value that may be the best of its family.
struct Contender {
  const ResultRow* row = nullptr;
  std::string family;  ///< what the values that are compared have in common
};

/// Two-sided confidence of one of so many comparisons that share a one-sided level of 5 %
/// (Bonferroni).
double shared_confidence(std::size_t comparisons);

/// Of each contender, whether it is not told apart from the best value of its family: that one
/// itself, equal ones, and all of which the evidence does not say that they are worse. The
/// comparisons with the best of k values share a one-sided level of 5 % (Bonferroni), so that
/// whatever is truly best is among the marked ones in at least 95 % of all tables. Nothing for what
/// has no better direction or no value, in families of one, and in those where nothing can be
/// compared with the best but two numbers of one process each.
std::vector<std::optional<bool>> best_of(const std::vector<Contender>& contenders,
                                         const Evidence& evidence);

/// What a mark means, for legends: "Bold: " + this.
std::string best_legend();
/// What ranges and ratios are.
std::string ranges_legend();

/// Whether the row is told apart from its dense twin; absent without one.
std::optional<bool> apart_from_dense(const ResultRow& row, const Cells& cells);

/// best_of for the lines of CSV and JSON: all methods and settings of one question compete, dense
/// left out.
std::vector<std::optional<bool>> best_records(const std::vector<ResultRow>& rows,
                                              const Evidence& evidence);

}  // namespace assay
