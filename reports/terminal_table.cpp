#include "reports/terminal_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "harness/base/colour.h"
#include "harness/base/display.h"
#include "reports/cell_text.h"
#include "reports/folded_number.h"
#include "reports/short_names.h"

namespace assay {
namespace {

constexpr const char* kGap = "  ";
constexpr std::size_t kGapWidth = 2;

/// A column laid out: two heads, then one text a row.
struct Laid {
  std::string group, title;
  std::vector<std::string> cells = {};
  std::vector<Ink> inks = {};
  std::size_t width = 0;  ///< wider texts are folded
  bool words = false;     ///< nothing but labels: read from the left
  [[nodiscard]] std::string padded(const std::string& text) const {
    return words ? pad_right(text, width) : pad_left(text, width);
  }
};

/// Widths of the parts of a column's values.
struct PartWidths {
  std::size_t value = 0, interval = 0, ratio = 0, notes = 0;
};

std::string with_parts(const CellText& text, const PartWidths& widths) {
  std::string line = pad_left(text.value, widths.value);
  if (widths.interval > 0) line += " " + pad_right(text.interval, widths.interval);
  if (widths.ratio > 0) line += " " + pad_left(text.ratio, widths.ratio);
  if (widths.notes > 0) line += " " + pad_right(text.notes, widths.notes);
  return line;
}

PartWidths widths_of(const std::vector<CellText>& texts, const Table& table, std::size_t column) {
  PartWidths widths;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (table.rows[i][column].kind != TableCell::Kind::kValue) continue;
    widths.value = std::max(widths.value, display_width(texts[i].value));
    widths.interval = std::max(widths.interval, display_width(texts[i].interval));
    widths.ratio = std::max(widths.ratio, display_width(texts[i].ratio));
    widths.notes = std::max(widths.notes, display_width(texts[i].notes));
  }
  return widths;
}

Ink ink_of(const TableCell& cell) {
  if (cell.kind == TableCell::Kind::kStatus) return Ink::kBad;
  if (cell.kind == TableCell::Kind::kAbsent) return Ink::kDim;
  return cell.best ? Ink::kBold : Ink::kPlain;
}

CellText text_of(const TableCell& cell, const NumberStyle& style, bool wide) {
  CellText text = cell_text(cell, style);
  if (!wide && cell.kind == TableCell::Kind::kValue && !style.whole) {
    const auto scaled = [&](const std::optional<double>& end) {
      return end ? std::optional(*end / style.divisor) : std::nullopt;
    };
    FoldedNumber folded =
        folded_number(*cell.value / style.divisor, scaled(cell.lo), scaled(cell.hi));
    text.value = std::move(folded.value);
    text.interval = std::move(folded.interval);
  }
  text.value = (cell.best ? kBestMark : "") + visible(text.value);
  return text;
}

/// As wide as its widest text.
void fit(Laid& laid) {
  laid.width = std::max(display_width(laid.group), display_width(laid.title));
  for (const std::string& cell : laid.cells) {
    laid.width = std::max(laid.width, display_width(cell));
  }
}

Laid lay_out(const Table& table, std::size_t column, bool wide) {
  const NumberStyle style = column_style(table, column);
  Laid laid{.group = visible(table.columns[column].group),
            .title = visible(column_title(table.columns[column], style)),
            .words = !table.rows.empty()};
  std::vector<CellText> texts;
  for (const auto& row : table.rows) texts.push_back(text_of(row[column], style, wide));
  const PartWidths widths = widths_of(texts, table, column);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const TableCell& cell = table.rows[i][column];
    laid.words = laid.words && cell.kind == TableCell::Kind::kLabel;
    laid.cells.push_back(cell.kind == TableCell::Kind::kValue ? with_parts(texts[i], widths)
                                                              : texts[i].value);
    laid.inks.push_back(ink_of(cell));
  }
  fit(laid);
  return laid;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(" \n") + 1);
  return line;
}

/// Paints what stands between the spaces, which a line's end is trimmed of.
std::string inked(const std::string& text, Ink ink, bool colour) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return text;
  const std::size_t end = text.find_last_not_of(' ') + 1;
  return text.substr(0, first) + painted(text.substr(first, end - first), ink, colour) +
         text.substr(end);
}

/// Texts side by side, each folded to its column; inks[i] paints texts[i].
std::string line_of(const std::vector<const Laid*>& columns, const std::vector<std::string>& texts,
                    const std::vector<Ink>& inks, bool colour) {
  std::vector<std::vector<std::string>> folded;
  std::size_t height = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool fits = display_width(texts[i]) <= columns[i]->width;
    folded.push_back(fits ? std::vector{texts[i]} : fold_lines(texts[i], columns[i]->width));
    height = std::max(height, folded.back().size());
  }
  std::string text;
  for (std::size_t k = 0; k < height; ++k) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string part = k < folded[i].size() ? folded[i][k] : "";
      line += (i > 0 ? kGap : "") + inked(columns[i]->padded(part), inks[i], colour);
    }
    text += trimmed(line) + "\n";
  }
  return text;
}

/// The labels and some further columns, below each other.
class Block {
 public:
  Block(std::vector<const Laid*> columns, std::size_t labels, bool colour)
      : columns_(std::move(columns)), labels_(labels), colour_(colour) {}

  [[nodiscard]] std::string text() const {
    const std::string groups = heads(&Laid::group, Ink::kPlain);
    std::string text = trimmed(groups).empty() ? "" : groups;
    text += heads(&Laid::title, Ink::kBold) + rule();
    for (std::size_t row = 0; row < columns_.front()->cells.size(); ++row) {
      std::vector<std::string> texts;
      std::vector<Ink> inks;
      for (const Laid* column : columns_) {
        texts.push_back(column->cells[row]);
        inks.push_back(column->inks[row]);
      }
      text += line_of(columns_, texts, inks, colour_);
    }
    return text;
  }

 private:
  /// A group's name stands over the first of its columns.
  [[nodiscard]] std::string heads(std::string Laid::*head, Ink ink) const {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool repeated =
          head == &Laid::group && i > labels_ && columns_[i]->group == columns_[i - 1]->group;
      texts.push_back(repeated ? "" : columns_[i]->*head);
    }
    return line_of(columns_, texts, std::vector(texts.size(), ink), colour_);
  }
  [[nodiscard]] std::string rule() const {
    std::size_t width = kGapWidth * (columns_.size() - 1);
    for (const Laid* column : columns_) width += column->width;
    std::string line;
    for (std::size_t i = 0; i < width; ++i) line += "─";
    return line + "\n";
  }

  std::vector<const Laid*> columns_;
  std::size_t labels_;
  bool colour_;
};

/// All columns, the first `labels` of which every block repeats.
struct Columns {
  std::vector<Laid> all = {};
  std::size_t labels = 1;
};

/// Labels take half of the width at most, all others what is left beside them.
void limit(Columns& columns, std::size_t width) {
  const std::size_t gaps = kGapWidth * columns.labels;
  const std::size_t half = width / 2 > gaps ? width / 2 - gaps : 0;
  const std::size_t most = std::max<std::size_t>(half / columns.labels, 1);
  std::size_t used = 0;
  for (std::size_t i = 0; i < columns.all.size(); ++i) {
    const std::size_t room = i < columns.labels ? most : width - std::min(used, width - 1);
    columns.all[i].width = std::min(columns.all[i].width, room);
    if (i < columns.labels) used += columns.all[i].width + kGapWidth;
  }
}

/// Where blocks end: one past their last columns.
std::vector<std::size_t> ends_of(const Columns& columns, std::size_t width) {
  std::size_t labels = 0;
  for (std::size_t i = 0; i < columns.labels; ++i) labels += columns.all[i].width + kGapWidth;
  std::vector<std::size_t> ends;
  std::size_t used = labels;
  for (std::size_t i = columns.labels; i < columns.all.size(); ++i) {
    const bool first = i == columns.labels || (!ends.empty() && ends.back() == i);
    if (!first && used + columns.all[i].width > width) {
      ends.push_back(i);
      used = labels;
    }
    used += columns.all[i].width + kGapWidth;
  }
  ends.push_back(columns.all.size());
  return ends;
}

Columns with_labels(Columns columns, const std::vector<std::string>& labels) {
  columns.all.front().cells = labels;
  fit(columns.all.front());
  return columns;
}

/// Shorter labels where they save a block, and what they stand for.
std::string shorten(Columns& columns, std::size_t width) {
  if (columns.labels != 1) return "";
  const std::vector<std::string> labels = columns.all.front().cells;
  const std::vector<std::string> names = short_names(labels);
  Columns full = columns, shorter = with_labels(columns, names);
  limit(full, width);
  limit(shorter, width);
  if (ends_of(shorter, width).size() >= ends_of(full, width).size()) return "";
  columns = with_labels(columns, names);
  std::string legend;
  for (const auto& [name, label] : shortened(labels, names)) {
    for (const std::string& line : fold_lines(name + ": " + label, width, 4)) legend += line + "\n";
  }
  return legend.empty() ? "" : legend + "\n";
}

}  // namespace

std::size_t columns_to_fill(const RenderOptions& options) {
  constexpr int kUnlimited = 1 << 20;
  constexpr int kNarrowest = 40;
  return static_cast<std::size_t>(options.width > 0 ? std::max(options.width, kNarrowest)
                                                    : kUnlimited);
}

std::string terminal_table(const Table& table, const RenderOptions& options) {
  const std::size_t width = columns_to_fill(options);
  Columns columns{.labels = std::min(std::max<std::size_t>(table.labels, 1), table.columns.size())};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    columns.all.push_back(lay_out(table, i, options.wide));
  }
  const std::string legend = options.wide ? "" : shorten(columns, width);
  limit(columns, width);
  std::string text;
  std::size_t first = columns.labels;
  for (const std::size_t end : ends_of(columns, width)) {
    std::vector<const Laid*> shown;
    for (std::size_t i = 0; i < columns.labels; ++i) shown.push_back(&columns.all[i]);
    for (std::size_t i = first; i < end; ++i) shown.push_back(&columns.all[i]);
    text += Block(std::move(shown), columns.labels, options.colour).text() + "\n";
    first = end;
  }
  return text + legend;
}

}  // namespace assay
