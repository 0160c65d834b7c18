// GitHub-flavoured Markdown.

#include "harness/base/markup.h"
#include "reports/best.h"
#include "reports/cell_text.h"
#include "reports/format.h"

namespace assay {
namespace {

std::string header(const Table& table, const std::vector<NumberStyle>& styles) {
  std::string names = "|";
  std::string rule = "|";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string title = column_title(table.columns[i], styles[i]);
    const std::string& group = table.columns[i].group;
    names +=
        " " + markdown_escaped(group + (group.empty() || title.empty() ? "" : " ") + title) + " |";
    rule += i < table.labels ? " --- |" : " ---: |";
  }
  return names + "\n" + rule + "\n";
}

/// The best values are bold, and nothing but the value of them.
std::string cell_md(const TableCell& cell, const NumberStyle& style) {
  CellText text = cell_text(cell, style);
  if (!cell.best) return markdown_escaped(text.joined());
  const std::string value = "**" + markdown_escaped(text.value) + "**";
  text.value.clear();
  return value + markdown_escaped(text.joined());
}

std::string table_text(const Table& table) {
  std::vector<NumberStyle> styles;
  for (std::size_t i = 0; i < table.columns.size(); ++i) styles.push_back(column_style(table, i));
  std::string text = "### " + markdown_escaped(table.title) + "\n\n" + header(table, styles);
  for (const auto& row : table.rows) {
    text += "|";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += " " + cell_md(row[i], styles[i]) + " |";
    }
    text += "\n";
  }
  return text + "\n";
}

std::string document_text(const Document& document) {
  std::string text = "## " + markdown_escaped(document.title) + "\n\n";
  for (const std::string& warning : document.warnings) {
    text += "> **" + markdown_escaped(warning) + "**\n\n";
  }
  for (const std::string& sentence : document.answer.text) {
    text += "* " + markdown_escaped(sentence) + "\n";
  }
  if (!document.answer.text.empty()) text += "\n";
  if (document.tables.empty()) text += "No results.\n\n";
  for (const Table& table : document.tables) text += table_text(table);
  for (std::size_t i = 0; i < document.notes.size(); ++i) {
    text += std::to_string(i + 1) + ". " + markdown_escaped(document.notes[i]) + "\n";
  }
  if (!document.notes.empty()) text += "\n";
  if (!document.tables.empty()) {
    text += markdown_escaped(ranges_legend()) + " Bold: " + markdown_escaped(best_legend()) + "\n";
  }
  for (const std::string& line : document.footer) text += "\n" + markdown_escaped(line) + "\n";
  for (const std::string& line : document.environment)
    text += "\nMachine: " + markdown_escaped(line) + "\n";
  return text;
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string text;
  for (const Document& document : documents) {
    text += (text.empty() ? "" : "\n") + document_text(document);
  }
  return text.empty() ? "No results.\n" : text;
}

}  // namespace

void register_md_format(FormatRegistry& registry) {
  registry.add({.name = "md",
                .summary = "tables in GitHub-flavoured Markdown",
                .extension = "md",
                .render = render});
}

}  // namespace assay
