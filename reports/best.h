#pragma once
// What a reader looks for first in a table.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reports/cells.h"
#include "reports/document.h"

namespace assay {

/// A cell that may be the best of its family.
struct Contender {
  TableCell* cell = nullptr;
  int direction = 0;   ///< +1 higher is better, -1 lower is better; 0 takes no part
  std::string family;  ///< what the values that are compared have in common
};

/// Marks the best value of each family; equal values are best together. A family with fewer than
/// two values has no best.
void mark_best(const std::vector<Contender>& contenders);

/// Marks the best value of each column that has a better direction.
/// Rows for which `is_reference` is true (dense) take no part.
void mark_best(Table& table, const std::function<bool(std::size_t row)>& is_reference);

/// Whether the row's 95 % interval is apart from that of its dense twin; absent without both.
std::optional<bool> apart_from_dense(const ResultRow& row, const Cells& cells);

}  // namespace assay
