#pragma once
// A table as lines of a terminal. Columns that do not fit go below, with the labels repeated; what
// is too wide alone is folded. Nothing is cut.

#include <cstddef>
#include <string>

#include "reports/document.h"
#include "reports/report.h"

namespace assay {

/// Columns to fill; a terminal narrower than 40 gets lines that it breaks itself.
std::size_t columns_to_fill(const RenderOptions& options);

/// Text that every terminal and file shows before a value that is among the best, bold or not.
inline constexpr const char* kBestMark = "•";

/// The blocks of the table, each followed by an empty line. Unless `options.wide`, numbers are
/// folded (reports/folded_number.h), and labels shortened where that saves a block; a legend says
/// what they stand for.
std::string terminal_table(const Table& table, const RenderOptions& options);

}  // namespace assay
