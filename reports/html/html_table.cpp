#include "reports/html/html_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "reports/cell_text.h"
#include "reports/html/html_text.h"

namespace assay {
namespace {

/// Names in other scripts may run from right to left; most are plain, and there are many.
const char* direction(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x80;
  });
  return plain ? "" : R"( dir="auto")";
}

void append_labels_only(std::string& out, const std::vector<TableCell>& row, std::size_t labels) {
  for (std::size_t i = 0; i < labels; ++i) {
    const char* tag = i == 0 ? "th" : "td";
    fmt::format_to(std::back_inserter(out), "<{0} {1}{2}>{3}</{0}>", tag,
                   i == 0 ? R"(scope="row")" : R"(class="label")", direction(row[i].text),
                   html_escaped(row[i].text));
  }
}

void append_note_marks(std::string& out, const TableCell& cell, const std::string& notes) {
  if (cell.notes.empty()) return;
  out += "<sup>";
  for (const std::size_t note : cell.notes) {
    fmt::format_to(std::back_inserter(out),
                   R"({2}<a href="#{0}-{1}" aria-label="note {1}">{1}</a>)", notes, note,
                   note == cell.notes.front() ? "" : ", ");
  }
  out += "</sup>";
}

void append_value(std::string& out, const TableCell& cell, const NumberStyle& style,
                  const std::string& notes) {
  const CellText text = cell_text(cell, style);
  out += "<td";
  if (cell.best) out += R"( class="best")";
  out += '>';
  out += text.value;
  const bool coloured = cell.word == "better" || cell.word == "worse";
  std::string parts;
  for (const std::string& part : {text.interval, text.ratio + (cell.differs == true ? "*" : ""),
                                  coloured ? std::string() : html_escaped(cell.word)}) {
    if (!part.empty()) parts += (parts.empty() ? "" : " ") + part;
  }
  if (!parts.empty()) out += " <small>" + parts + "</small>";
  if (coloured) out += fmt::format(R"( <span class="{0}">{0}</span>)", cell.word);
  append_note_marks(out, cell, notes);
  out += "</td>";
}

void append_cell(std::string& out, const TableCell& cell, const NumberStyle& style,
                 const std::string& notes) {
  switch (cell.kind) {
    case TableCell::Kind::kValue:
      append_value(out, cell, style, notes);
      return;
    case TableCell::Kind::kStatus:
      out += R"(<td class="status">)" + html_escaped(cell.text);
      append_note_marks(out, cell, notes);
      out += "</td>";
      return;
    case TableCell::Kind::kLabel:
      out += std::string(R"(<td class="label")") + direction(cell.text) + ">" +
             html_escaped(cell.text) + "</td>";
      return;
    case TableCell::Kind::kAbsent:
      out += R"(<td class="none">–</td>)";
      return;
  }
}

void append_head(std::string& out, const Table& table, const std::vector<NumberStyle>& styles) {
  out += "<thead><tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const TableColumn& column = table.columns[i];
    out += i < table.labels ? R"(<th scope="col" class="label")" : R"(<th scope="col")";
    if (!column.convention.empty()) out += R"( title=")" + html_escaped(column.convention) + '"';
    out += '>';
    const std::string title = column_title(column, styles[i]);
    if (!column.group.empty()) out += html_escaped(column.group) + (title.empty() ? "" : "<br>");
    out += html_escaped(title) + "</th>";
  }
  out += "</tr></thead>";
}

}  // namespace

void append_table(std::string& out, const Table& table, const std::string& anchor,
                  const std::string& notes) {
  std::vector<NumberStyle> styles;
  for (std::size_t i = 0; i < table.columns.size(); ++i) styles.push_back(column_style(table, i));
  fmt::format_to(
      std::back_inserter(out),
      "<div class=\"box pin\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{0}-c\">"
      "<table class=\"data\" id=\"{0}\"><caption id=\"{0}-c\" dir=\"auto\">{1}</caption>",
      anchor, html_escaped(table.title.empty() ? "Results" : table.title));
  append_head(out, table, styles);
  out += "<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    append_labels_only(out, row, table.labels);
    for (std::size_t i = table.labels; i < row.size(); ++i) {
      append_cell(out, row[i], styles[i], notes);
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
}

void append_figure(std::string& out, const Plot& plot, const std::string& anchor,
                   std::size_t index) {
  const std::string title = html_escaped(plot.title);
  fmt::format_to(std::back_inserter(out),
                 "<figure id=\"{0}\"><figcaption dir=\"auto\">{1}<a class=\"anchor\" href=\"#{0}\" "
                 "aria-label=\"Link to this picture\">#</a></figcaption>",
                 anchor, title);
  if (!plot.caption.empty()) out += "<p>" + html_escaped(plot.caption) + "</p>";
  fmt::format_to(std::back_inserter(out),
                 "<div class=\"canvas{0}\" data-plot=\"{1}\" role=\"img\" aria-label=\"{2}; the "
                 "numbers are in the table below\"></div>"
                 "<details data-plot=\"{1}\"><summary>The numbers as a table</summary></details>"
                 "</figure>\n",
                 plot.kind == Plot::Kind::kBars ? " short" : "", index, title);
}

}  // namespace assay
