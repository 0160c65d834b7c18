#include "reports/best.h"

#include <cmath>

namespace assay {
namespace {

bool counts(const TableCell& cell) {
  return cell.kind == TableCell::Kind::kValue && cell.value && std::isfinite(*cell.value);
}

}  // namespace

void mark_best(Table& table, const std::function<bool(std::size_t row)>& is_reference) {
  for (std::size_t column = table.labels; column < table.columns.size(); ++column) {
    const int direction = table.columns[column].direction;
    if (direction == 0) continue;
    std::vector<TableCell*> cells;
    double best = -HUGE_VAL;
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      TableCell& cell = table.rows[row][column];
      if (!counts(cell) || is_reference(row)) continue;
      cells.push_back(&cell);
      best = std::max(best, direction * *cell.value);
    }
    if (cells.size() < 2) continue;
    for (TableCell* cell : cells) cell->best = direction * *cell->value == best;
  }
}

std::optional<bool> apart_from_dense(const ResultRow& row, const Cells& cells) {
  const ResultRow* twin = cells.twin(row);
  if (twin == nullptr || row.twin_value != twin->value || !row.lo || !row.hi || !twin->lo ||
      !twin->hi) {
    return std::nullopt;
  }
  return *row.lo > *twin->hi || *row.hi < *twin->lo;
}

}  // namespace assay
