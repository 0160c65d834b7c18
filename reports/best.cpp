#include "reports/best.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace assay {
namespace {

bool counts(const TableCell& cell) {
  return cell.kind == TableCell::Kind::kValue && cell.value && std::isfinite(*cell.value);
}

}  // namespace

void mark_best(const std::vector<Contender>& contenders) {
  std::map<std::string, std::vector<const Contender*>> families;
  for (const Contender& contender : contenders) {
    if (contender.direction == 0 || !counts(*contender.cell)) continue;
    families[contender.family].push_back(&contender);
  }
  for (const auto& [family, members] : families) {
    if (members.size() < 2) continue;
    double best = -HUGE_VAL;
    for (const Contender* one : members) best = std::max(best, one->direction * *one->cell->value);
    for (const Contender* one : members) {
      one->cell->best = one->direction * *one->cell->value == best;
    }
  }
}

void mark_best(Table& table, const std::function<bool(std::size_t row)>& is_reference) {
  std::vector<Contender> contenders;
  for (std::size_t column = table.labels; column < table.columns.size(); ++column) {
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      if (is_reference(row)) continue;
      contenders.push_back(
          {&table.rows[row][column], table.columns[column].direction, std::to_string(column)});
    }
  }
  mark_best(contenders);
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
