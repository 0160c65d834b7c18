#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reports/best.h"
#include "reports/cells.h"
#include "reports/document.h"
#include "reports/environment_lines.h"
#include "reports/footer.h"
#include "reports/headlines.h"
#include "reports/labels.h"
#include "reports/layout.h"
#include "reports/measuring_lines.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

/// A list without repetitions, in order of first appearance.
void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

std::size_t note_number(std::vector<std::string>& notes, const std::string& text) {
  add_once(notes, text);
  return static_cast<std::size_t>(std::find(notes.begin(), notes.end(), text) - notes.begin()) + 1;
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

TableCell status_cell(const std::string& word, const std::string& reason,
                      std::vector<std::string>& notes) {
  TableCell cell;
  cell.kind = TableCell::Kind::kStatus;
  cell.text = word;
  if (!reason.empty()) cell.note = note_number(notes, word + ": " + reason);
  return cell;
}

TableCell headline_cell(const ResultRow& row, const Headline& headline, const Cells& cells,
                        std::vector<std::string>& notes) {
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

TableCell cell_of(const Group& group, const std::string& method, const Source& source,
                  const Cells& cells, std::vector<std::string>& notes) {
  const auto& by_method = group.by_method.at(method);
  if (source.headline.of_artefact) {
    const ResultRow* row = row_of_tag(by_method, source.headline.tag);
    return row == nullptr ? TableCell{} : headline_cell(*row, source.headline, cells, notes);
  }
  const auto found = group.by_cell.find({method, source.column.group});
  if (found == group.by_cell.end()) return {};
  const ResultRow* row = row_of_tag(found->second, source.headline.tag);
  if (row == nullptr && found->second.front()->status != "OK") row = found->second.front();
  return row == nullptr ? TableCell{} : headline_cell(*row, source.headline, cells, notes);
}

std::string table_title(const ResultRow& row) {
  return fmt::format("{}{}, profile {}", row.model,
                     row.random_weights ? " (random weights: speed only)" : "", row.profile);
}

Table make_table(const Group& group, const Cells& cells, std::vector<std::string>& notes) {
  Table table;
  table.title = table_title(*group.first);
  const std::vector<Source> sources = table_sources(group);
  table.columns.push_back({.group = "", .title = "method", .unit = "", .direction = 0});
  for (const Source& source : sources) table.columns.push_back(source.column);
  for (const std::string& method : group.methods) {
    std::vector<TableCell> row(1);
    row[0].kind = TableCell::Kind::kLabel;
    row[0].text = method;
    for (const Source& source : sources) {
      row.push_back(cell_of(group, method, source, cells, notes));
    }
    table.rows.push_back(std::move(row));
  }
  mark_best(table, [&](std::size_t row) {
    return group.by_method.at(group.methods[row]).front()->method == "dense";
  });
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

/// Suites of which only a part was scored, and whether any model has random weights.
struct Marks {
  std::set<std::string> limited;
  bool random = false, imported = false;
};

Marks marks_of(const std::vector<ResultRow>& rows) {
  Marks marks;
  for (const ResultRow& row : rows) {
    if (row.limited) marks.limited.insert(row.suite);
    marks.random = marks.random || row.random_weights;
    marks.imported = marks.imported || row.profile == kImportedProfile;
  }
  return marks;
}

void add_warnings(Document& document, const Marks& marks) {
  if (!marks.limited.empty()) {
    const std::string names = fmt::format("{}", fmt::join(marks.limited, ", "));
    document.warnings.push_back("LIMITED RUN: only a part of these suites was scored: " + names +
                                ". Not comparable with published figures.");
    document.watermarks.emplace_back("LIMITED RUN");
  }
  if (marks.random) {
    document.warnings.emplace_back(
        "RANDOM WEIGHTS: such a model has a shape and a speed, no quality.");
    document.watermarks.emplace_back("RANDOM WEIGHTS");
  }
  if (marks.imported) {
    document.warnings.emplace_back(
        "IMPORTED: values of profile 'imported' came out of a file and were not measured here; "
        "nothing is compared with them.");
    document.watermarks.emplace_back("IMPORTED");
  }
}

/// The layouts that the experiment file asks for, one section with a table each.
Section layouts_section(const ExperimentResults& results, std::vector<std::string>& notes) {
  Section section{"layouts", "Tables of the experiment file", {}, {}, {}};
  if (!results.config.is_object() || !results.config.contains("reports")) return section;
  for (const Json& entry : results.config.at("reports")) {
    const Layout layout = layout_from_json(entry);
    Table table = layout_table(rows_where(results.rows, layout.where), layout, notes);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
  }
  return section;
}

}  // namespace

Document make_document(const ExperimentResults& results, Detail detail) {
  Document document;
  document.name = results.name;
  document.title = title_of(results);
  document.records = results.rows;
  document.timings = results.timings;
  add_warnings(document, marks_of(results.rows));
  const Cells cells(results.rows);
  for (const Group& group : make_groups(results.rows, cells.labels())) {
    document.tables.push_back(make_table(group, cells, document.notes));
  }
  if (detail == Detail::kAll) {
    document.sections = make_sections({results, cells});
    Section layouts = layouts_section(results, document.notes);
    if (!layouts.empty()) document.sections.insert(document.sections.begin(), std::move(layouts));
  }
  for (std::string& note : remark_notes(results.remarks)) document.notes.push_back(std::move(note));
  document.environment = environment_lines(results.environments);
  document.footer = footer_lines(results);
  return document;
}

Document make_document(const ExperimentResults& results, const Layout& layout) {
  const std::vector<ResultRow> rows = rows_where(results.rows, layout.where);
  if (layout.group_by.empty() && layout.pivot.empty() && layout.columns.empty()) {
    ExperimentResults chosen = results;
    chosen.rows = rows;
    return make_document(chosen, Detail::kAll);
  }
  Document document;
  document.name = results.name;
  document.title = layout.title.empty() ? title_of(results) : layout.title;
  document.records = rows;
  add_warnings(document, marks_of(rows));
  Layout named = layout;
  if (named.title.empty()) named.title = document.title;
  Table table = layout_table(rows, named, document.notes);
  if (!table.rows.empty()) document.tables.push_back(std::move(table));
  document.environment = environment_lines(results.environments);
  document.footer = footer_lines(results);
  return document;
}

}  // namespace assay
