#include "harness/store/attempt_lines.h"

#include <fmt/format.h>

#include <cmath>

namespace assay {
namespace {

/// Infinity was never stored.
Json value_of(const SQLite::Column& value) {
  if (value.isNull()) return nullptr;
  if (value.isInteger()) return value.getInt64();
  if (!value.isFloat()) return value.getString();
  const double number = value.getDouble();
  if (!std::isfinite(number)) throw std::invalid_argument("a number is not finite");
  return number;
}

std::vector<std::string_view> names_of(std::span<const std::string_view> columns) {
  return {columns.begin(), columns.end()};
}

const char* kept(const OwnedTable& table) {
  static std::map<std::string_view, std::string> made;
  std::string& sql = made[table.name];
  if (sql.empty()) sql = select_statement(table);
  return sql.c_str();
}

Json cells_of(Connection& connection, std::int64_t attempt, const std::string& experiment) {
  Query rows = connection.query(
      "SELECT e.experiment_uuid, c.ordinal FROM cell_attempt l JOIN plan_cell c USING (cell_id) "
      "JOIN experiment e USING (experiment_id) WHERE l.attempt_id = ?1 "
      "AND (?2 = '' OR e.name = ?2) ORDER BY e.plan_order, c.ordinal");
  rows.with(attempt, experiment);
  Json cells = Json::array();
  while (rows.next()) cells.push_back({{"experiment", rows.text(0)}, {"ordinal", rows.integer(1)}});
  return cells;
}

/// For readers of a single line; what counts is in the plan.
Json cell_of(Connection& connection, std::int64_t attempt, const std::string& experiment) {
  static const std::vector<std::string_view> kNames = {
      "experiment", "model", "method", "params", "suite", "suite_params", "profile", "seed"};
  Query rows = connection.query(
      "SELECT e.name, c.model_name, c.method, c.params, c.suite_id, c.suite_params, c.profile_id, "
      "c.seed FROM cell_attempt l JOIN plan_cell c USING (cell_id) "
      "JOIN experiment e USING (experiment_id) WHERE l.attempt_id = ?1 "
      "AND (?2 = '' OR e.name = ?2) ORDER BY e.plan_order, c.ordinal LIMIT 1");
  rows.with(attempt, experiment);
  if (!rows.next()) return nullptr;
  Json cell = row_of(rows, kNames, 0);
  for (const char* name : {"params", "suite_params"}) {
    cell[name] = parse_json(cell[name].get<std::string>());
  }
  return cell;
}

}  // namespace

Json row_of(const Query& rows, const std::vector<std::string_view>& names, int first) {
  Json row = Json::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    row[std::string(names[i])] = value_of(rows.column(first + static_cast<int>(i)));
  }
  return row;
}

Json rows_json(Connection& connection, const OwnedTable& table, std::int64_t parent) {
  Query rows = connection.query(kept(table));
  rows.with(parent);
  Json all = Json::array();
  const auto names = names_of(table.columns);
  while (rows.next()) all.push_back(row_of(rows, names, 1));
  return all;
}

Json baseline_of(Connection& connection, const std::string& experiment) {
  Query rows = connection.query("SELECT value FROM store_meta WHERE key = 'baseline:' || ?");
  rows.with(experiment);
  return rows.next() ? parse_json(rows.text(0)) : Json();
}

Json AttemptLines::metric(std::int64_t id) {
  Json& known = metrics_[id];
  if (!known.is_null()) return known;
  Query rows =
      connection_.query("SELECT tag, convention, unit FROM metric_def WHERE metric_id = ?");
  rows.with(id);
  if (!rows.next()) throw std::invalid_argument("a value of an unknown metric");
  return known = row_of(rows, {"tag", "convention", "unit"}, 0);
}

Json AttemptLines::metric_values(std::int64_t attempt) {
  std::map<std::pair<std::string, std::string>, Json> sorted;
  Query rows = connection_.query(kept(kMetricValues));
  rows.with(attempt);
  while (rows.next()) {
    Json value = metric(rows.integer(0));
    value.update(row_of(rows, names_of(kMetricValueColumns), 1));
    Json& place = sorted[{value.at("tag"), value.at("convention")}];
    place = std::move(value);
  }
  Json all = Json::array();
  for (auto& [name, value] : sorted) all.push_back(std::move(value));
  return all;
}

Json AttemptLines::samples(std::int64_t attempt) {
  std::map<std::pair<std::string, std::string>, Json> sorted;
  Query rows = connection_.query(kept(kSamples));
  rows.with(attempt);
  std::int64_t current = -1;
  Json* series = nullptr;
  while (rows.next()) {
    if (rows.integer(0) != current) {
      current = rows.integer(0);
      const Json of = metric(current);
      series = &sorted[{of.at("tag"), of.at("convention")}];
      *series = of;
    }
    for (std::size_t i = 0; i < kSampleColumns.size(); ++i) {
      (*series)[std::string(kSampleColumns[i])].push_back(
          value_of(rows.column(static_cast<int>(i) + 1)));
    }
  }
  Json all = Json::array();
  for (auto& [name, value] : sorted) all.push_back(std::move(value));
  return all;
}

Json AttemptLines::json(std::int64_t attempt, const std::string& experiment) {
  static const std::string kOwn = fmt::format(
      "SELECT {}, checksum FROM attempt WHERE attempt_id = ?", column_list(kAttemptColumns));
  std::vector<std::string_view> names = names_of(kAttemptColumns);
  names.emplace_back("checksum");
  Json document;
  {
    Query rows = connection_.query(kOwn.c_str());
    rows.with(attempt);
    if (!rows.next()) throw std::invalid_argument("an attempt is missing");
    document = row_of(rows, names, 0);
  }
  document["cell"] = cell_of(connection_, attempt, experiment);
  document["cells"] = cells_of(connection_, attempt, experiment);
  for (const OwnedTable& table : {kProcesses, kItems, kEvents}) {
    document[std::string(table.name)] = rows_json(connection_, table, attempt);
  }
  document["metric_value"] = metric_values(attempt);
  document["sample"] = samples(attempt);
  return document;
}

}  // namespace assay
