#pragma once
// Cells as text, for the formats that people read.

#include <string>
#include <vector>

#include "reports/document.h"
#include "reports/numbers.h"

namespace assay {

/// The parts of a cell; a status word or label stands in `value` alone.
struct CellText {
  std::string value, interval, ratio;
  std::string notes = {};  ///< "[1][3]": of a value; those of a status are in `value`
  /// Parts joined by spaces, the ratio in parentheses, notes last.
  [[nodiscard]] std::string joined() const;
};

/// One style for all values of a column, so that they can be compared at a glance.
NumberStyle column_style(const Table& table, std::size_t column);

/// "[1][3]"; "" without notes.
std::string notes_text(const TableCell& cell);

/// "UNMET[1]" for a status, "-" where nothing was asked.
CellText cell_text(const TableCell& cell, const NumberStyle& style);

/// "perplexity ↓", "decode tokens/s ↑": metric, unit, and the better direction.
std::string column_title(const TableColumn& column, const NumberStyle& style);

}  // namespace assay
