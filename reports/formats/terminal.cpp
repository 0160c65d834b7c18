// Aligned columns that fit the terminal: what does not fit goes below, with the labels repeated.

#include <algorithm>
#include <sstream>

#include "harness/base/display.h"
#include "reports/best.h"
#include "reports/cell_text.h"
#include "reports/format.h"
#include "reports/text_plot.h"

namespace assay {
namespace {

constexpr const char* kGap = "  ";
constexpr std::size_t kGapWidth = 2;

/// Columns to fill; a terminal narrower than 40 gets lines that it breaks itself.
std::size_t width_of(const RenderOptions& options) {
  constexpr int kUnlimited = 1 << 20;
  return static_cast<std::size_t>(options.width > 0 ? std::max(options.width, 40) : kUnlimited);
}

enum class Colour { kPlain, kBold, kDim, kRed, kYellow };

std::string paint(const std::string& text, Colour colour, bool enabled) {
  if (!enabled || colour == Colour::kPlain || text.empty()) return text;
  const char* code = colour == Colour::kBold  ? "1"
                     : colour == Colour::kDim ? "2"
                     : colour == Colour::kRed ? "31"
                                              : "33";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

/// A column laid out: two header lines, then one text a row, all of one width.
struct Laid {
  std::string group, title;
  std::vector<std::string> cells;
  std::vector<Colour> colours;
  std::size_t width = 0;
  bool words = false;  ///< nothing but labels: read from the left
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

/// Text that every terminal and file shows, bold or not.
constexpr const char* kBestMark = "•";

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

Colour colour_of(const TableCell& cell) {
  if (cell.kind == TableCell::Kind::kStatus) return Colour::kRed;
  if (cell.kind == TableCell::Kind::kAbsent) return Colour::kDim;
  return cell.best ? Colour::kBold : Colour::kPlain;
}

Laid lay_out(const Table& table, std::size_t column) {
  const NumberStyle style = column_style(table, column);
  Laid laid{visible(table.columns[column].group),
            visible(column_title(table.columns[column], style)),
            {},
            {},
            0,
            !table.rows.empty()};
  std::vector<CellText> texts;
  for (const auto& row : table.rows) {
    texts.push_back(cell_text(row[column], style));
    texts.back().value = (row[column].best ? kBestMark : "") + visible(texts.back().value);
  }
  const PartWidths widths = widths_of(texts, table, column);
  laid.width = std::max(display_width(laid.group), display_width(laid.title));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const TableCell& cell = table.rows[i][column];
    laid.words = laid.words && cell.kind == TableCell::Kind::kLabel;
    laid.cells.push_back(cell.kind == TableCell::Kind::kValue ? with_parts(texts[i], widths)
                                                              : texts[i].value);
    laid.colours.push_back(colour_of(cell));
    laid.width = std::max(laid.width, display_width(laid.cells.back()));
  }
  return laid;
}

void limit(Laid& laid, std::size_t width) {
  if (laid.width <= width) return;
  laid.width = width;
  laid.group = cut(laid.group, width);
  laid.title = cut(laid.title, width);
  for (std::string& cell : laid.cells) cell = cut(cell, width);
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(" \n") + 1);
  return line;
}

/// The labels and some further columns, below each other.
std::string block(const std::vector<Laid>& columns, std::size_t first, std::size_t last,
                  bool colour) {
  std::string groups = pad_right("", columns[0].width);
  std::string titles = pad_right(columns[0].title, columns[0].width);
  std::size_t width = columns[0].width;
  for (std::size_t i = first; i < last; ++i) {
    const bool repeated = i > first && columns[i].group == columns[i - 1].group;
    groups += kGap + columns[i].padded(repeated ? "" : columns[i].group);
    titles += kGap + columns[i].padded(columns[i].title);
    width += kGapWidth + columns[i].width;
  }
  std::string text = trimmed(groups).empty() ? "" : trimmed(groups) + "\n";
  text += paint(trimmed(titles), Colour::kBold, colour) + "\n";
  for (std::size_t i = 0; i < width; ++i) text += "─";
  text += "\n";
  for (std::size_t row = 0; row < columns[0].cells.size(); ++row) {
    std::string line = pad_right(columns[0].cells[row], columns[0].width);
    for (std::size_t i = first; i < last; ++i) {
      const Laid& column = columns[i];
      line += kGap + paint(column.padded(column.cells[row]), column.colours[row], colour);
    }
    text += trimmed(line) + "\n";
  }
  return text;
}

/// Words of a paragraph; one that is wider than `width` is broken.
std::vector<std::string> words_of(const std::string& paragraph, std::size_t width) {
  std::vector<std::string> words;
  std::istringstream stream(paragraph);
  for (std::string word; stream >> word;) {
    while (display_width(word) > width) {
      const std::size_t bytes = fitting_bytes(word, width);
      words.push_back(word.substr(0, bytes));
      word.erase(0, bytes);
    }
    words.push_back(word);
  }
  return words;
}

/// A paragraph in lines; those after the first are indented.
std::string wrapped(const std::string& paragraph, const RenderOptions& options) {
  constexpr const char* kIndent = "    ";
  const std::size_t width = width_of(options);
  std::string text, line;
  for (const std::string& word : words_of(paragraph, width - 4)) {
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      text += line + "\n";
      line = kIndent + word;
    } else {
      line += (line.empty() ? "" : " ") + word;
    }
  }
  return text + line + "\n";
}

/// A whole paragraph in one colour.
std::string painted(const std::string& paragraph, Colour colour, const RenderOptions& options) {
  return paint(trimmed(wrapped(visible(paragraph), options)), colour, options.colour) + "\n";
}

std::string table_text(const Table& table, const RenderOptions& options) {
  const std::size_t width = width_of(options);
  std::vector<Laid> columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i) columns.push_back(lay_out(table, i));
  limit(columns[0], width / 2);
  std::string text = painted(table.title, Colour::kBold, options);
  std::size_t first = 1;
  do {
    std::size_t used = columns[0].width;
    std::size_t last = first;
    while (last < columns.size()) {
      if (last == first) limit(columns[last], width - used - kGapWidth);
      if (used + kGapWidth + columns[last].width > width) break;
      used += kGapWidth + columns[last].width;
      ++last;
    }
    text += block(columns, first, last, options.colour) + "\n";
    first = last;
  } while (first < columns.size());
  return text;
}

/// What stands first: the sentences, and the first front in letters.
std::string answer_text(const Section& answer, const RenderOptions& options) {
  constexpr std::size_t kWidest = 78;
  constexpr std::size_t kHeight = 11;
  std::string text;
  for (const std::string& sentence : answer.text) text += wrapped(visible(sentence), options);
  if (answer.text.empty()) return "";
  text += "\n";
  if (answer.plots.empty()) return text;
  const auto lines = text_plot(answer.plots.front(), std::min(width_of(options), kWidest), kHeight);
  for (const std::string& line : lines) text += line + "\n";
  if (lines.empty()) return text;
  return text +
         wrapped(
             "Capital letters: on the front, no other point is better in both values. Undecided: "
             "not told apart from a point that would beat it, or that it would beat.",
             options) +
         "\n";
}

std::string document_text(const Document& document, const RenderOptions& options) {
  std::string text = painted(document.title, Colour::kBold, options);
  for (const std::string& warning : document.warnings) {
    text += painted(warning, Colour::kYellow, options);
  }
  text += "\n" + answer_text(document.answer, options);
  if (document.tables.empty()) text += "No results.\n";
  for (const Table& table : document.tables) text += table_text(table, options);
  for (std::size_t i = 0; i < document.notes.size(); ++i) {
    text += wrapped("[" + std::to_string(i + 1) + "] " + visible(document.notes[i]), options);
  }
  if (!document.tables.empty()) {
    text += wrapped(ranges_legend(), options);
    text += wrapped(kBestMark + (": " + best_legend()), options);
  }
  for (const std::string& line : document.footer) text += wrapped(visible(line), options);
  for (const std::string& line : document.environment) {
    text += wrapped("Machine: " + visible(line), options);
  }
  return text;
}

std::string render(const std::vector<Document>& documents, const RenderOptions& options) {
  std::string text;
  for (const Document& document : documents) {
    text += (text.empty() ? "" : "\n") + document_text(document, options);
  }
  return text.empty() ? "No results.\n" : text;
}

}  // namespace

void register_terminal_format(FormatRegistry& registry) {
  registry.add({.name = "terminal",
                .summary = "tables that fit the terminal",
                .extension = "txt",
                .render = render});
}

}  // namespace assay
