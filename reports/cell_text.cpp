#include "reports/cell_text.h"

#include <fmt/format.h>

#include <cmath>

namespace assay {
namespace {

std::optional<double> scaled(std::optional<double> value, double divisor) {
  return value ? std::optional(*value / divisor) : std::nullopt;
}

/// Whole numbers that are no measure of anything: without unit, better direction or interval.
bool are_counts(const Table& table, std::size_t column) {
  if (!table.columns[column].unit.empty() || table.columns[column].direction != 0) return false;
  bool any = false;
  for (const auto& row : table.rows) {
    const TableCell& cell = row[column];
    if (!cell.value) continue;
    any = true;
    const bool whole = *cell.value == std::floor(*cell.value) && std::abs(*cell.value) < 1e15;
    if (!whole || cell.lo || cell.hi) return false;
  }
  return any;
}

}  // namespace

std::string CellText::joined() const {
  std::string text = value;
  if (!interval.empty()) text += " " + interval;
  if (!ratio.empty()) text += " (" + ratio + ")";
  if (!notes.empty()) text += " " + notes;
  return text;
}

std::string notes_text(const TableCell& cell) {
  std::string text;
  for (const std::size_t note : cell.notes) text += fmt::format("[{}]", note);
  return text;
}

NumberStyle column_style(const Table& table, std::size_t column) {
  std::vector<double> values;
  for (const auto& row : table.rows) {
    if (row[column].value) values.push_back(*row[column].value);
  }
  NumberStyle style = style_for(table.columns[column].unit, values);
  style.whole = are_counts(table, column);
  return style;
}

CellText cell_text(const TableCell& cell, const NumberStyle& style) {
  switch (cell.kind) {
    case TableCell::Kind::kLabel:
      return {cell.text, "", ""};
    case TableCell::Kind::kStatus:
      return {cell.text + notes_text(cell), "", ""};
    case TableCell::Kind::kAbsent:
      return {"-", "", ""};
    case TableCell::Kind::kValue:
      break;
  }
  const double value = *cell.value / style.divisor;
  return {style.whole ? fmt::format("{:.0f}", value) : number_text(value),
          interval_text(value, scaled(cell.lo, style.divisor), scaled(cell.hi, style.divisor)),
          ratio_text(cell.ratio), notes_text(cell)};
}

std::string column_title(const TableColumn& column, const NumberStyle& style) {
  std::string title = column.title;
  if (!style.unit.empty()) title += (title.empty() ? "" : " ") + style.unit;
  if (column.direction != 0) title += column.direction > 0 ? " ↑" : " ↓";
  return title;
}

}  // namespace assay
