// Aligned columns that fit the terminal: what does not fit goes below, with the labels repeated.

#include <algorithm>

#include "harness/base/colour.h"
#include "harness/base/display.h"
#include "reports/best.h"
#include "reports/folded_number.h"
#include "reports/format.h"
#include "reports/terminal_table.h"
#include "reports/text_plot.h"

namespace assay {
namespace {

/// A paragraph in lines; those after the first are indented.
std::string wrapped(const std::string& paragraph, const RenderOptions& options) {
  constexpr std::size_t kIndent = 4;
  std::string text;
  for (const std::string& line : fold_lines(paragraph, columns_to_fill(options), kIndent)) {
    text += line + "\n";
  }
  return text;
}

/// A whole paragraph in one ink.
std::string wrapped(const std::string& paragraph, Ink ink, const RenderOptions& options) {
  std::string text = wrapped(visible(paragraph), options);
  text.pop_back();
  return painted(text, ink, options.colour) + "\n";
}

std::string table_text(const Table& table, const RenderOptions& options) {
  return wrapped(table.title, Ink::kBold, options) + terminal_table(table, options);
}

bool has_intervals(const Document& document) {
  for (const Table& table : document.tables) {
    for (const auto& row : table.rows) {
      if (std::ranges::any_of(row, [](const TableCell& cell) { return cell.lo && cell.hi; })) {
        return true;
      }
    }
  }
  return false;
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
  const auto lines =
      text_plot(answer.plots.front(), std::min(columns_to_fill(options), kWidest), kHeight);
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
  std::string text = wrapped(document.title, Ink::kBold, options);
  for (const std::string& warning : document.warnings) {
    text += wrapped(warning, Ink::kBold, options);
  }
  text += "\n" + answer_text(document.answer, options);
  if (document.tables.empty()) text += "No results.\n";
  for (const Table& table : document.tables) text += table_text(table, options);
  for (std::size_t i = 0; i < document.notes.size(); ++i) {
    text += wrapped("[" + std::to_string(i + 1) + "] " + visible(document.notes[i]), options);
  }
  if (!document.tables.empty()) {
    text += wrapped(ranges_legend(), options);
    if (!options.wide && has_intervals(document)) text += wrapped(folding_legend(), options);
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
