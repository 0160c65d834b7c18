#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reports/document.h"
#include "reports/environment_lines.h"
#include "reports/headlines.h"
#include "reports/labels.h"

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
  return {{group, headline.title, row.unit, row.direction}, headline};
}

/// Headline metrics of a suite; its first metric when none of them is one; a column without a
/// metric when no cell has any, for the status words.
std::vector<Source> suite_sources(const std::string& suite,
                                  const std::vector<const ResultRow*>& rows) {
  std::vector<Source> sources;
  const ResultRow* other = nullptr;
  for (const Headline& headline : headlines()) {
    const ResultRow* row = row_of_tag(rows, headline.tag);
    if (row != nullptr && !headline.of_artefact) {
      sources.push_back(source_from(*row, headline, suite));
    }
  }
  for (const ResultRow* row : rows) {
    const auto& known = headlines();
    const bool headline = std::any_of(known.begin(), known.end(),
                                      [&](const Headline& h) { return h.tag == row->metric; });
    if (other == nullptr && !row->metric.empty() && !headline) other = row;
  }
  if (!sources.empty()) return sources;
  if (other != nullptr)
    return {source_from(*other, {.tag = other->metric, .title = other->metric}, suite)};
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

TableCell value_cell(const ResultRow& row, const Headline& headline,
                     std::vector<std::string>& notes) {
  if (row.status != "OK") return status_cell(row.status, row.reason, notes);
  if (!row.value) return status_cell("NOT MEASURED", row.reason, notes);
  TableCell cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = row.value;
  cell.lo = row.lo;
  cell.hi = row.hi;
  if (headline.ratio && row.method != "dense") cell.ratio = row.ratio;
  return cell;
}

TableCell cell_of(const Group& group, const std::string& method, const Source& source,
                  std::vector<std::string>& notes) {
  const auto& by_method = group.by_method.at(method);
  if (source.headline.of_artefact) {
    const ResultRow* row = row_of_tag(by_method, source.headline.tag);
    return row == nullptr ? TableCell{} : value_cell(*row, source.headline, notes);
  }
  const auto found = group.by_cell.find({method, source.column.group});
  if (found == group.by_cell.end()) return {};
  const ResultRow* row = row_of_tag(found->second, source.headline.tag);
  if (row == nullptr && found->second.front()->status != "OK") row = found->second.front();
  return row == nullptr ? TableCell{} : value_cell(*row, source.headline, notes);
}

std::string table_title(const ResultRow& row) {
  return fmt::format("{}{}, profile {}", row.model,
                     row.random_weights ? " (random weights: speed only)" : "", row.profile);
}

Table make_table(const Group& group, std::vector<std::string>& notes) {
  Table table;
  table.title = table_title(*group.first);
  const std::vector<Source> sources = table_sources(group);
  table.columns.push_back({.group = "", .title = "method", .unit = "", .direction = 0});
  for (const Source& source : sources) table.columns.push_back(source.column);
  for (const std::string& method : group.methods) {
    std::vector<TableCell> row(1);
    row[0].kind = TableCell::Kind::kLabel;
    row[0].text = method;
    for (const Source& source : sources) row.push_back(cell_of(group, method, source, notes));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<Group> make_groups(const std::vector<ResultRow>& rows) {
  const Labels labels(rows);
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

std::vector<std::string> warnings_of(const std::vector<ResultRow>& rows) {
  std::set<std::string> limited;
  bool random = false;
  for (const ResultRow& row : rows) {
    if (row.limited) limited.insert(row.suite);
    random = random || row.random_weights;
  }
  std::vector<std::string> warnings;
  if (!limited.empty()) {
    std::string names;
    for (const std::string& name : limited) names += (names.empty() ? "" : ", ") + name;
    warnings.push_back("LIMITED RUN: only a part of these suites was scored: " + names +
                       ". Not comparable with published figures.");
  }
  if (random) {
    warnings.emplace_back("RANDOM WEIGHTS: such a model has a shape and a speed, no quality.");
  }
  return warnings;
}

}  // namespace

Document make_document(const ExperimentResults& results) {
  Document document;
  document.title = title_of(results);
  document.warnings = warnings_of(results.rows);
  document.records = results.rows;
  for (const Group& group : make_groups(results.rows)) {
    document.tables.push_back(make_table(group, document.notes));
  }
  document.environment = environment_lines(results.environments);
  return document;
}

}  // namespace assay
