#pragma once
// What a reader looks for first in a column.

#include <functional>
#include <optional>

#include "reports/cells.h"
#include "reports/document.h"

namespace assay {

/// Marks the best value of each column that has a better direction; equal values are best together.
/// Rows for which `is_reference` is true (dense) take no part, and a column with fewer than two
/// other values has no best.
void mark_best(Table& table, const std::function<bool(std::size_t row)>& is_reference);

/// Whether the row's 95 % interval is apart from that of its dense twin; absent without both.
std::optional<bool> apart_from_dense(const ResultRow& row, const Cells& cells);

}  // namespace assay
