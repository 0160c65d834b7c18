#include "reports/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/layout_fields.h"
#include "harness/base/numbers.h"
#include "harness/base/text.h"
#include "reports/best.h"
#include "reports/fields.h"
#include "reports/headlines.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

bool equal(const std::string& a, const std::string& b) {
  const auto x = number_from<double>(a), y = number_from<double>(b);
  return x && y ? *x == *y : matches_glob(b, a);
}

bool any_equal(const std::string& text, const std::vector<std::string>& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](const std::string& value) { return equal(text, value); });
}

bool holds(const Condition& condition, const std::string& text) {
  if (condition.op == "=") return any_equal(text, condition.values);
  if (condition.op == "!=") return !any_equal(text, condition.values);
  const auto x = number_from<double>(text);
  const auto y = number_from<double>(condition.values.front());
  if (!x || !y) return false;
  if (condition.op == "<") return *x < *y;
  if (condition.op == "<=") return *x <= *y;
  return condition.op == ">" ? *x > *y : *x >= *y;
}

bool wanted_metric(const ResultRow& row, const std::vector<std::string>& columns) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const std::string& glob) { return matches_glob(glob, row.metric); });
}

/// Tags that the columns name, in their order; those of one glob in order of appearance.
std::vector<std::string> tags_of(const std::vector<ResultRow>& rows, const Layout& layout) {
  std::vector<std::string> seen, tags;
  for (const ResultRow& row : rows) {
    if (!row.metric.empty() && std::find(seen.begin(), seen.end(), row.metric) == seen.end()) {
      seen.push_back(row.metric);
    }
  }
  std::vector<std::string> globs = layout.columns;
  if (globs.empty()) {
    for (const Headline& headline : headlines()) globs.push_back(headline.tag);
  }
  for (const std::string& glob : globs) {
    bool any = false;
    for (const std::string& tag : seen) {
      if (!matches_glob(glob, tag)) continue;
      any = true;
      if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
    }
    if (!any && !layout.columns.empty() && !seen.empty()) {
      throw UserError(unknown_name_message("metric", glob, seen));
    }
  }
  return tags;
}

using Key = std::vector<std::string>;

Key key_of(const Fields& fields, const ResultRow& row, const std::vector<std::string>& names) {
  Key key;
  for (const std::string& name : names) key.push_back(fields.text(row, name));
  return key;
}

std::string title_of(const std::string& tag) {
  for (const Headline& headline : headlines()) {
    if (headline.tag == tag && !headline.title.empty()) return headline.title;
  }
  return tag;
}

/// What is the same in every suite: a column of its own, whatever the suites make columns of.
bool of_artefact(const std::string& tag) {
  for (const char* start : {"model/", "fit/", "artefact/", "achieved_sparsity"}) {
    if (tag.starts_with(start)) return true;
  }
  return false;
}

bool shows_ratio(const std::string& tag) {
  for (const Headline& headline : headlines()) {
    if (headline.tag == tag) return headline.ratio;
  }
  return true;
}

/// A column: one pivot key and one metric.
struct Column {
  Key key;
  std::string tag;
  auto operator<=>(const Column&) const = default;
};

/// Everything sorted into places; orders are those of first appearance.
struct Grid {
  std::vector<Key> lines, keys;
  std::map<std::pair<Key, Column>, std::vector<const ResultRow*>> values;
  std::map<std::pair<Key, Key>, std::vector<const ResultRow*>> failures;  ///< by line and pivot key
  std::map<std::string, std::set<std::string>> suites;  ///< by metric, those that gave one
  std::map<Column, const ResultRow*> any;
  bool whole = false;  ///< some column belongs to no pivot key
};

Grid grid_of(const std::vector<ResultRow>& rows, const Layout& layout, const Fields& fields) {
  Grid grid;
  std::set<Key> lines, keys;
  for (const ResultRow& row : rows) {
    if (!row.metric.empty() && !layout.columns.empty() && !wanted_metric(row, layout.columns)) {
      continue;
    }
    const Key line = key_of(fields, row, layout.group_by);
    const bool by_suite = layout.pivot.size() == 1 && layout.pivot.front() == "suite";
    const Key key = by_suite && of_artefact(row.metric) ? Key{} : key_of(fields, row, layout.pivot);
    if (lines.insert(line).second) grid.lines.push_back(line);
    if (!key.empty() && keys.insert(key).second) grid.keys.push_back(key);
    if (key.empty()) grid.whole = true;
    if (row.metric.empty()) {
      grid.failures[{line, key}].push_back(&row);
      continue;
    }
    const Column column{key, row.metric};
    grid.values[{line, column}].push_back(&row);
    grid.any.emplace(column, &row);
    grid.suites[row.metric].insert(row.suite);
  }
  return grid;
}

std::string differing_fields(const std::vector<const ResultRow*>& rows, const Fields& fields) {
  std::string text;
  for (const std::string& name : fields.names()) {
    if (name == "setting") continue;
    const std::string first = fields.text(*rows.front(), name);
    const bool differ = std::any_of(rows.begin(), rows.end(), [&](const ResultRow* row) {
      return fields.text(*row, name) != first;
    });
    if (differ) text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "convention" : text;
}

/// The same value in several places (a model is as large in every suite) is one value.
bool one_value(const std::vector<const ResultRow*>& rows) {
  return std::all_of(rows.begin(), rows.end(), [&](const ResultRow* row) {
    return row->value == rows.front()->value && row->convention == rows.front()->convention &&
           row->status == rows.front()->status;
  });
}

TableCell several_cell(const std::vector<const ResultRow*>& rows, const Fields& fields,
                       Notes& notes) {
  return status_cell("SEVERAL",
                     fmt::format("values that differ in {}; add that to group-by or pivot, or "
                                 "choose with where",
                                 differing_fields(rows, fields)),
                     notes);
}

TableCell value_cell_of(const ResultRow& row, Notes& notes) {
  if (row.status != "OK") return status_cell(row.status, row.reason, notes);
  if (!row.value) return status_cell("NOT MEASURED", row.reason, notes);
  TableCell cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = row.value;
  cell.lo = row.lo;
  cell.hi = row.hi;
  if (row.method != "dense" && shows_ratio(row.metric)) cell.ratio = row.ratio;
  return cell;
}

/// A result that has no value, of a suite that gives the metric: the values of its place stand for
/// it no more than a mean over those that happened to finish would.
const ResultRow* missing_from(const Grid& grid, const Key& line, const Column& column) {
  const auto failed = grid.failures.find({line, column.key});
  const auto suites = grid.suites.find(column.tag);
  if (failed == grid.failures.end() || suites == grid.suites.end() || of_artefact(column.tag)) {
    return nullptr;
  }
  for (const ResultRow* row : failed->second) {
    if (suites->second.contains(row->suite)) return row;
  }
  return nullptr;
}

TableCell incomplete_cell(std::vector<const ResultRow*> rows, const ResultRow& missing,
                          const Fields& fields, Notes& notes) {
  rows.push_back(&missing);
  const std::string differ = differing_fields(rows, fields);
  return status_cell(
      "INCOMPLETE",
      fmt::format("a result of this place is {}{}{}; they differ in {}, add that to group-by or "
                  "pivot, or choose with where",
                  missing.status, missing.reason.empty() ? "" : ": ", missing.reason, differ),
      notes);
}

TableCell cell_of(const Grid& grid, const Key& line, const Column& column, const Fields& fields,
                  Notes& notes) {
  const auto found = grid.values.find({line, column});
  const ResultRow* row = nullptr;
  if (found == grid.values.end()) {
    const auto failed = grid.failures.find({line, column.key});
    if (failed == grid.failures.end()) return {};
    row = failed->second.front();
  } else if (const ResultRow* missing = missing_from(grid, line, column)) {
    return incomplete_cell(found->second, *missing, fields, notes);
  } else if (!one_value(found->second)) {
    return several_cell(found->second, fields, notes);
  } else {
    row = found->second.front();
  }
  TableCell cell = value_cell_of(*row, notes);
  notes.add_remarks(cell, *row);
  return cell;
}

void add_columns(std::vector<Column>& columns, const Grid& grid, const Key& key,
                 const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    if (grid.any.contains({key, tag})) columns.push_back({key, tag});
  }
}

std::vector<Column> columns_of(const Grid& grid, const std::vector<std::string>& tags) {
  std::vector<Column> columns;
  for (const Key& key : grid.keys) {
    const std::size_t before = columns.size();
    add_columns(columns, grid, key, tags);
    // Where nothing was measured there is still a place for the status words.
    if (columns.size() == before) columns.push_back({key, ""});
  }
  if (grid.whole) add_columns(columns, grid, {}, tags);
  if (columns.empty() && grid.whole) columns.push_back({{}, ""});
  return columns;
}

Layout with_defaults(Layout layout) {
  if (layout.group_by.empty()) layout.group_by = {"setting"};
  const auto& lines = layout.group_by;
  if (layout.pivot.empty() && std::find(lines.begin(), lines.end(), "suite") == lines.end()) {
    layout.pivot = {"suite"};
  }
  return layout;
}

void require_fields(const Layout& layout, const Fields& fields) {
  for (const auto* names : {&layout.group_by, &layout.pivot}) {
    for (const std::string& name : *names) fields.require(name);
  }
}

std::vector<TableColumn> heads_of(const Grid& grid, const std::vector<Column>& columns,
                                  const Layout& layout) {
  std::vector<TableColumn> heads;
  for (const std::string& name : layout.group_by) {
    heads.push_back({"", name == "setting" ? "method" : name, "", 0});
  }
  for (const Column& column : columns) {
    const auto any = grid.any.find(column);
    const ResultRow* row = any == grid.any.end() ? nullptr : any->second;
    heads.push_back({join(column.key, ", "), title_of(column.tag), row == nullptr ? "" : row->unit,
                     row == nullptr ? 0 : row->direction, row == nullptr ? "" : row->convention});
  }
  return heads;
}

/// What a value has in common with those that it competes with. How much was taken away is part of
/// it, unless the layout compares settings: a low sparsity does not beat a high one.
std::string family_of(const ResultRow& row, const Fields& fields, const Layout& layout) {
  std::vector<std::string> shared = {row.metric, row.convention};
  const bool of_suite = !of_artefact(row.metric);
  std::vector<std::string> names = {"model", "profile", "seed"};
  bool settings = false;
  for (const auto* list : {&layout.group_by, &layout.pivot}) {
    for (const std::string& name : *list) {
      settings = settings || name == "setting";
      const bool suites = name == "suite" || name.starts_with("suite.");
      if (name != "method" && name != "setting" && (of_suite || !suites)) names.push_back(name);
    }
  }
  if (!settings) names.insert(names.end(), {"params.sparsity", "params.pattern"});
  for (const std::string& name : names) shared.push_back(fields.text(row, name));
  if (of_suite) {
    shared.push_back(row.suite);
    shared.push_back(row.suite_params);
  }
  return join(shared, "\n");
}

void mark_best(Table& table, const Grid& grid, const std::vector<Column>& columns,
               const Fields& fields, const Layout& layout, const Evidence& evidence) {
  std::vector<Contender> contenders;
  std::vector<TableCell*> places;
  for (std::size_t i = 0; i < grid.lines.size(); ++i) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const auto found = grid.values.find({grid.lines[i], columns[k]});
      TableCell& cell = table.rows[i][table.labels + k];
      if (found == grid.values.end() || cell.kind != TableCell::Kind::kValue) continue;
      const ResultRow& row = *found->second.front();
      if (row.method == "dense") continue;
      contenders.push_back({&row, family_of(row, fields, layout)});
      places.push_back(&cell);
    }
  }
  const auto best = best_of(contenders, evidence);
  for (std::size_t i = 0; i < places.size(); ++i) places[i]->best = best[i].value_or(false);
}

}  // namespace

Layout layout_from_json(const Json& document) {
  try {
    return {document.at("name"),     document.at("title"), document.at("where"),
            document.at("group_by"), document.at("pivot"), document.at("columns")};
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("a stored report layout cannot be read: {}", error.what()));
  }
}

std::vector<ResultRow> rows_where(const std::vector<ResultRow>& rows,
                                  const std::vector<std::string>& conditions) {
  if (conditions.empty()) return rows;
  const Fields fields(rows);
  std::vector<Condition> parsed;
  for (const std::string& text : conditions) {
    parsed.push_back(parse_condition(text));
    if (!rows.empty()) fields.require(parsed.back().field);
  }
  std::vector<ResultRow> kept;
  for (const ResultRow& row : rows) {
    const bool all = std::all_of(parsed.begin(), parsed.end(), [&](const Condition& condition) {
      // A cell without result has no metric to be chosen by: it stays, as a status.
      if (condition.field == "metric" && row.metric.empty()) return true;
      return holds(condition, fields.text(row, condition.field));
    });
    if (all) kept.push_back(row);
  }
  return kept;
}

Table layout_table(const std::vector<ResultRow>& rows, const Layout& asked, Notes& notes,
                   const Evidence& evidence) {
  const Layout layout = with_defaults(asked);
  const Fields fields(rows);
  if (!rows.empty()) require_fields(layout, fields);
  const Grid grid = grid_of(rows, layout, fields);
  const std::vector<Column> columns = columns_of(grid, tags_of(rows, layout));
  Table table;
  table.title = layout.title;
  table.labels = layout.group_by.size();
  table.columns = heads_of(grid, columns, layout);
  for (const Key& line : grid.lines) {
    std::vector<TableCell> cells;
    for (const std::string& text : line) cells.push_back(label_cell(text));
    for (const Column& column : columns) {
      cells.push_back(cell_of(grid, line, column, fields, notes));
    }
    table.rows.push_back(std::move(cells));
  }
  mark_best(table, grid, columns, fields, layout, evidence);
  return table;
}

}  // namespace assay
