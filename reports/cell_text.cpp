#include "reports/cell_text.h"

#include <fmt/format.h>

namespace assay {
namespace {

std::optional<double> scaled(std::optional<double> value, double divisor) {
  return value ? std::optional(*value / divisor) : std::nullopt;
}

}  // namespace

std::string CellText::joined() const {
  std::string text = value;
  if (!interval.empty()) text += " " + interval;
  if (!ratio.empty()) text += " (" + ratio + ")";
  return text;
}

NumberStyle column_style(const Table& table, std::size_t column) {
  std::vector<double> values;
  for (const auto& row : table.rows) {
    if (row[column].value) values.push_back(*row[column].value);
  }
  return style_for(table.columns[column].unit, values);
}

CellText cell_text(const TableCell& cell, const NumberStyle& style) {
  switch (cell.kind) {
    case TableCell::Kind::kLabel:
      return {cell.text, "", ""};
    case TableCell::Kind::kStatus:
      return {cell.note > 0 ? fmt::format("{}[{}]", cell.text, cell.note) : cell.text, "", ""};
    case TableCell::Kind::kAbsent:
      return {"-", "", ""};
    case TableCell::Kind::kValue:
      break;
  }
  const double value = *cell.value / style.divisor;
  return {number_text(value),
          interval_text(value, scaled(cell.lo, style.divisor), scaled(cell.hi, style.divisor)),
          ratio_text(cell.ratio)};
}

std::string column_title(const TableColumn& column, const NumberStyle& style) {
  std::string title = column.title;
  if (!style.unit.empty()) title += (title.empty() ? "" : " ") + style.unit;
  if (column.direction != 0) title += column.direction > 0 ? " ↑" : " ↓";
  return title;
}

}  // namespace assay
