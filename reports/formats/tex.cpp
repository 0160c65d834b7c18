// LaTeX with booktabs: a fragment to \input, one table environment a table.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/display.h"
#include "reports/best.h"
#include "reports/cell_text.h"
#include "reports/format.h"

namespace assay {
namespace {

constexpr const char* kHead =
    "% Made by assay. Needs \\usepackage{booktabs} and \\usepackage{graphicx}; any engine will "
    "do.\n";
/// Tables with more columns are shrunk to the width of the text.
constexpr std::size_t kPlainColumns = 5;

/// What TeX would not print as it stands. Groups end every command, so that nothing after one is
/// swallowed and no two characters become a ligature.
const std::map<char32_t, const char*>& replacements() {
  static const std::map<char32_t, const char*> kTexts = {{'\\', "\\textbackslash{}"},
                                                         {'{', "\\{"},
                                                         {'}', "\\}"},
                                                         {'$', "\\$"},
                                                         {'&', "\\&"},
                                                         {'#', "\\#"},
                                                         {'%', "\\%"},
                                                         {'_', "\\_"},
                                                         {'^', "\\textasciicircum{}"},
                                                         {'~', "\\textasciitilde{}"},
                                                         {'<', "\\ensuremath{<}"},
                                                         {'>', "\\ensuremath{>}"},
                                                         {'|', "\\ensuremath{|}"},
                                                         {'"', "\\char34{}"},
                                                         {'\'', "{'}"},
                                                         {'`', "{`}"},
                                                         {'-', "{-}"},
                                                         {',', "{,}"},
                                                         {0xB1, "\\ensuremath{\\pm}"},
                                                         {0xB5, "\\ensuremath{\\mu}"},
                                                         {0xB7, "\\ensuremath{\\cdot}"},
                                                         {0xD7, "\\ensuremath{\\times}"},
                                                         {0x2013, "--"},
                                                         {0x2014, "---"},
                                                         {0x2026, "\\ldots{}"},
                                                         {0x2191, "\\ensuremath{\\uparrow}"},
                                                         {0x2193, "\\ensuremath{\\downarrow}"},
                                                         {0x2264, "\\ensuremath{\\leq}"},
                                                         {0x2265, "\\ensuremath{\\geq}"}};
  return kTexts;
}

/// Letters that inputenc composes in every font encoding.
bool composed(char32_t point) {
  const bool latin = point >= 0xC0 && point <= 0xFF;
  return latin && point != 0xD0 && point != 0xDE && point != 0xF0 && point != 0xFE && point != 0xF7;
}

/// Exact in any engine and font: a character that TeX may not have is named by its number.
std::string escaped(const std::string& raw) {
  const std::string text = visible(raw);
  std::string result;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const char32_t point = take_character(rest).value_or(0xFFFD);
    const auto known = replacements().find(point);
    if (known != replacements().end()) {
      result += known->second;
    } else if (point < 0x80 || composed(point)) {
      result += before.substr(0, before.size() - rest.size());
    } else {
      result += fmt::format("\\texttt{{U+{:04X}}}", static_cast<std::uint32_t>(point));
    }
  }
  return result;
}

/// "\\textsuperscript{1,3}"; "" without notes.
std::string note_marks(const TableCell& cell) {
  if (cell.notes.empty()) return "";
  return fmt::format("\\textsuperscript{{{}}}", fmt::join(cell.notes, ","));
}

std::string cell_tex(const TableCell& cell, const NumberStyle& style) {
  if (cell.kind == TableCell::Kind::kLabel) return escaped(cell.text);
  if (cell.kind == TableCell::Kind::kAbsent) return "--";
  if (cell.kind == TableCell::Kind::kStatus) {
    return "\\textsc{" + escaped(cell.text) + "}" + note_marks(cell);
  }
  const CellText text = cell_text(cell, style);
  std::string result = escaped(text.value);
  if (cell.best) result = "\\textbf{" + result + "}";
  if (cell.differs == true) result += "\\textsuperscript{*}";
  if (!text.interval.empty()) result += " {\\scriptsize " + escaped(text.interval) + "}";
  if (!text.ratio.empty()) result += " (" + escaped(text.ratio) + ")";
  if (!cell.word.empty()) result += " " + escaped(cell.word);
  return result + note_marks(cell);
}

/// The line of group names above the titles, with rules under them; "" when no column has one.
std::string group_line(const Table& table) {
  std::string cells, rules;
  for (std::size_t i = 0; i < table.columns.size();) {
    const std::string& group = table.columns[i].group;
    std::size_t end = i + 1;
    while (!group.empty() && end < table.columns.size() && table.columns[end].group == group) ++end;
    if (i > 0) cells += " & ";
    if (!group.empty()) {
      cells += fmt::format("\\multicolumn{{{}}}{{c}}{{{}}}", end - i, escaped(group));
      rules += fmt::format("\\cmidrule(lr){{{}-{}}}", i + 1, end);
    }
    i = end;
  }
  return rules.empty() ? "" : cells + " \\\\\n" + rules + "\n";
}

std::string tabular(const Table& table) {
  std::vector<NumberStyle> styles;
  std::string titles, columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    styles.push_back(column_style(table, i));
    columns += i < table.labels ? "l" : "r";
    titles += (i == 0 ? "" : " & ") + escaped(column_title(table.columns[i], styles[i]));
  }
  std::string text = "\\begin{tabular}{" + columns + "}\n\\toprule\n" + group_line(table) + titles +
                     " \\\\\n\\midrule\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += (i == 0 ? "" : " & ") + cell_tex(row[i], styles[i]);
    }
    text += " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}";
}

/// The notes that this table's cells point to.
std::string notes_of(const Table& table, const std::vector<std::string>& notes) {
  std::vector<bool> used(notes.size() + 1);
  for (const auto& row : table.rows) {
    for (const TableCell& cell : row) {
      for (const std::size_t note : cell.notes) used[note] = true;
    }
  }
  std::string text;
  for (std::size_t i = 1; i < used.size(); ++i) {
    if (!used[i]) continue;
    text += fmt::format("\\textsuperscript{{{}}}{}\\par\n", i, escaped(notes[i - 1]));
  }
  return text;
}

bool any_cell(const Table& table, bool (*holds)(const TableCell&)) {
  return std::ranges::any_of(table.rows,
                             [&](const auto& row) { return std::ranges::any_of(row, holds); });
}

std::string table_tex(const Table& table, const Document& document) {
  std::string text = "\\begin{table}\n\\centering\\small\n\\caption{";
  for (const std::string& warning : document.warnings)
    text += "\\textbf{" + escaped(warning) + "} ";
  text += escaped(table.title) + "}\n";
  const bool wide = table.columns.size() > kPlainColumns;
  if (wide) text += "\\resizebox{\\linewidth}{!}{%\n";
  text += tabular(table);
  text += wide ? "}\n" : "\n";
  std::string below = notes_of(table, document.notes);
  if (any_cell(table, [](const TableCell& cell) { return cell.differs == true; })) {
    below += "\\textsuperscript{*}told apart from dense (95\\,\\%)\\par\n";
  }
  if (any_cell(table, [](const TableCell& cell) { return cell.best; })) {
    below += "\\textbf{Bold}: " + escaped(best_legend()) + "\\par\n";
  }
  if (!below.empty()) text += "\n\\raggedright\\footnotesize\n" + below;
  return text + "\\end{table}\n\n";
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string text = kHead;
  for (const Document& document : documents) {
    text += "\n% " + visible(document.title) + "\n";
    for (const Table& table : document.tables) text += table_tex(table, document);
    if (document.tables.empty()) text += "No results: " + escaped(document.title) + ".\n";
    for (const std::string& line : document.footer) text += "% " + visible(line) + "\n";
    for (const std::string& line : document.environment) {
      text += "% Machine: " + visible(line) + "\n";
    }
  }
  return text;
}

}  // namespace

void register_tex_format(FormatRegistry& registry) {
  registry.add({.name = "tex",
                .summary = "tables for LaTeX with booktabs: best in bold, intervals, notes",
                .extension = "tex",
                .render = render});
}

}  // namespace assay
