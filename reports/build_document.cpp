#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reports/answer.h"
#include "reports/best.h"
#include "reports/cells.h"
#include "reports/document.h"
#include "reports/environment_lines.h"
#include "reports/footer.h"
#include "reports/headlines.h"
#include "reports/labels.h"
#include "reports/layout.h"
#include "reports/remark_notes.h"
#include "reports/run_warnings.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

/// A list without repetitions, in order of first appearance.
void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

/// What a table is made from: its rows by method label, suite label and metric.
struct Group {
  const ResultRow* first = nullptr;
  std::vector<std::string> methods, suites;
  std::map<std::string, std::vector<const ResultRow*>> by_suite;
  std::map<std::pair<std::string, std::string>, std::vector<const ResultRow*>> by_cell;
  std::map<std::string, std::vector<const ResultRow*>> by_method;
};

/// A column and how to find its cells.
struct Source {
  TableColumn column;
  Headline headline;
};

const ResultRow* row_of_tag(const std::vector<const ResultRow*>& rows, const std::string& tag) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const ResultRow* row) { return row->metric == tag; });
  return found == rows.end() ? nullptr : *found;
}

Source source_from(const ResultRow& row, const Headline& headline, const std::string& group) {
  return {{group, headline.title, row.unit, row.direction, row.convention}, headline};
}

Source source_of_other(const ResultRow& row, const std::string& group) {
  return source_from(row, {.tag = row.metric, .title = row.metric}, group);
}

bool is_headline(const ResultRow& row) {
  const auto& known = headlines();
  return std::any_of(known.begin(), known.end(),
                     [&](const Headline& headline) { return headline.tag == row.metric; });
}

void add_imported_multiples(std::vector<Source>& sources, const std::string& suite,
                            const std::vector<const ResultRow*>& rows) {
  std::set<std::string> added;
  for (const ResultRow* row : rows) {
    if (!is_imported_multiple(*row) || is_headline(*row)) continue;
    if (added.insert(row->metric).second) sources.push_back(source_of_other(*row, suite));
  }
}

/// Headline metrics of a suite; its first metric when none of them is one; a column without a
/// metric when no cell has any, for the status words.
std::vector<Source> suite_sources(const std::string& suite,
                                  const std::vector<const ResultRow*>& rows) {
  std::vector<Source> sources;
  for (const Headline& headline : headlines()) {
    const ResultRow* row = row_of_tag(rows, headline.tag);
    if (row != nullptr && !headline.of_artefact) {
      sources.push_back(source_from(*row, headline, suite));
    }
  }
  const auto other = std::find_if(rows.begin(), rows.end(), [](const ResultRow* row) {
    return !row->metric.empty() && !is_headline(*row) && !is_imported_multiple(*row);
  });
  if (sources.empty() && other != rows.end()) sources.push_back(source_of_other(**other, suite));
  add_imported_multiples(sources, suite, rows);
  if (!sources.empty()) return sources;
  return {{.column = {.group = suite, .title = "", .unit = "", .direction = 0}, .headline = {}}};
}

std::vector<Source> table_sources(const Group& group) {
  std::vector<Source> sources;
  for (const std::string& suite : group.suites) {
    const auto own = suite_sources(suite, group.by_suite.at(suite));
    sources.insert(sources.end(), own.begin(), own.end());
  }
  for (const Headline& headline : headlines()) {
    if (!headline.of_artefact) continue;
    for (const std::string& suite : group.suites) {
      const ResultRow* row = row_of_tag(group.by_suite.at(suite), headline.tag);
      if (row == nullptr) continue;
      sources.push_back(source_from(*row, headline, ""));
      break;
    }
  }
  return sources;
}

TableCell value_or_status(const ResultRow& row, const Headline& headline, const Cells& cells,
                          Notes& notes) {
  if (row.status != "OK") return status_cell(row.status, row.reason, notes);
  if (!row.value) return status_cell("NOT MEASURED", row.reason, notes);
  TableCell cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = row.value;
  cell.lo = row.lo;
  cell.hi = row.hi;
  if (headline.ratio && row.method != "dense") {
    cell.ratio = row.ratio;
    cell.differs = apart_from_dense(row, cells);
  }
  return cell;
}

/// The row that a place of the table shows; null when nothing was asked there.
const ResultRow* row_of(const Group& group, const std::string& method, const Source& source) {
  if (source.headline.of_artefact) {
    return row_of_tag(group.by_method.at(method), source.headline.tag);
  }
  const auto found = group.by_cell.find({method, source.column.group});
  if (found == group.by_cell.end()) return nullptr;
  const ResultRow* row = row_of_tag(found->second, source.headline.tag);
  const bool failed = row == nullptr && found->second.front()->status != "OK";
  return failed ? found->second.front() : row;
}

TableCell cell_of(const ResultRow* row, const Source& source, const Cells& cells, Notes& notes) {
  if (row == nullptr) return {};
  TableCell cell = value_or_status(*row, source.headline, cells, notes);
  notes.add_remarks(cell, *row);
  return cell;
}

/// The columns of a table compete by themselves; dense takes no part.
void mark_best(Table& table, const std::vector<std::vector<const ResultRow*>>& shown,
               const Evidence& evidence) {
  std::vector<Contender> contenders;
  std::vector<TableCell*> places;
  for (std::size_t line = 0; line < shown.size(); ++line) {
    for (std::size_t column = 0; column < shown[line].size(); ++column) {
      const ResultRow* row = shown[line][column];
      if (row == nullptr || row->method == "dense") continue;
      contenders.push_back({row, std::to_string(column)});
      places.push_back(&table.rows[line][table.labels + column]);
    }
  }
  const auto best = best_of(contenders, evidence);
  for (std::size_t i = 0; i < places.size(); ++i) places[i]->best = best[i].value_or(false);
}

std::string table_title(const ResultRow& row) {
  return fmt::format("{}{}, profile {}", row.model,
                     row.random_weights ? " (random weights: speed only)" : "", row.profile);
}

Table make_table(const Group& group, const Cells& cells, Notes& notes) {
  Table table;
  table.title = table_title(*group.first);
  const std::vector<Source> sources = table_sources(group);
  table.columns.push_back({.group = "", .title = "method", .unit = "", .direction = 0});
  for (const Source& source : sources) table.columns.push_back(source.column);
  std::vector<std::vector<const ResultRow*>> shown;
  for (const std::string& method : group.methods) {
    std::vector<TableCell> row = {label_cell(method)};
    std::vector<const ResultRow*>& rows = shown.emplace_back();
    for (const Source& source : sources) {
      rows.push_back(row_of(group, method, source));
      row.push_back(cell_of(rows.back(), source, cells, notes));
    }
    table.rows.push_back(std::move(row));
  }
  mark_best(table, shown, cells.evidence());
  return table;
}

std::vector<Group> make_groups(const std::vector<ResultRow>& rows, const Labels& labels) {
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  for (const ResultRow& row : rows) {
    const std::string title = table_title(row);
    add_once(order, title);
    Group& group = groups[title];
    if (group.first == nullptr) group.first = &row;
    const std::string method = labels.method(row);
    const std::string suite = labels.suite(row);
    add_once(group.methods, method);
    add_once(group.suites, suite);
    group.by_suite[suite].push_back(&row);
    group.by_cell[{method, suite}].push_back(&row);
    group.by_method[method].push_back(&row);
  }
  std::vector<Group> result;
  for (const std::string& title : order) result.push_back(std::move(groups[title]));
  return result;
}

std::string title_of(const ExperimentResults& results) {
  for (const char* pointer : {"/title", "/experiment/title"}) {
    const Json::json_pointer path(pointer);
    if (results.config.is_object() && results.config.contains(path) &&
        results.config.at(path).is_string() &&
        !results.config.at(path).get<std::string>().empty()) {
      return results.config.at(path).get<std::string>();
    }
  }
  return results.name;
}

/// The layouts that the experiment file asks for, one section with a table each.
Section layouts_section(const ExperimentResults& results, const Evidence& evidence, Notes& notes) {
  Section section{"layouts", "Tables of the experiment file", {}, {}, {}};
  if (!results.config.is_object() || !results.config.contains("reports")) return section;
  for (const Json& entry : results.config.at("reports")) {
    const Layout layout = layout_from_json(entry);
    Table table = layout_table(rows_where(results.rows, layout.where), layout, notes, evidence);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
  }
  return section;
}

/// What every document of these rows has, whatever its tables.
Document document_of(const ExperimentResults& results, const std::vector<ResultRow>& rows,
                     const Evidence& evidence) {
  Document document;
  document.name = results.name;
  document.title = title_of(results);
  document.records = rows;
  document.best = best_records(rows, evidence);
  document.remarks = RemarkIndex(results.remarks);
  add_run_warnings(document, rows);
  document.environment = environment_lines(results.environments);
  document.footer = footer_lines(results);
  return document;
}

}  // namespace

Document make_document(const ExperimentResults& results, Detail detail) {
  const Evidence evidence(results.cells);
  Document document = document_of(results, results.rows, evidence);
  document.timings = results.timings;
  Notes notes(document.remarks);
  const Cells cells(results.rows, evidence);
  document.answer = answer_section({results, cells, notes});
  for (const Group& group : make_groups(results.rows, cells.labels())) {
    document.tables.push_back(make_table(group, cells, notes));
  }
  if (detail == Detail::kAll) {
    document.sections = make_sections({results, cells, notes}, document.answer.plots);
    Section layouts = layouts_section(results, evidence, notes);
    if (!layouts.empty()) document.sections.insert(document.sections.begin(), std::move(layouts));
  }
  document.notes = notes.list();
  return document;
}

Document make_document(const ExperimentResults& results, const Layout& layout) {
  const std::vector<ResultRow> rows = rows_where(results.rows, layout.where);
  if (layout.group_by.empty() && layout.pivot.empty() && layout.columns.empty()) {
    ExperimentResults chosen = results;
    chosen.rows = rows;
    return make_document(chosen, Detail::kAll);
  }
  const Evidence evidence(results.cells);
  Document document = document_of(results, rows, evidence);
  if (!layout.title.empty()) document.title = layout.title;
  Layout named = layout;
  if (named.title.empty()) named.title = document.title;
  Notes notes(document.remarks);
  Table table = layout_table(rows, named, notes, evidence);
  if (!table.rows.empty()) document.tables.push_back(std::move(table));
  document.notes = notes.list();
  return document;
}

}  // namespace assay
