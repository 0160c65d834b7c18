#include "harness/store/checksum.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "harness/base/hashing.h"
#include "harness/store/columns.h"

namespace assay {
namespace {

static_assert(std::endian::native == std::endian::little, "checksums are of little-endian numbers");

template <typename Number>
void add_bytes(std::string& bytes, Number number) {
  const auto raw = std::bit_cast<std::array<char, sizeof(Number)>>(number);
  bytes.append(raw.data(), raw.size());
}

void add_text(std::string& bytes, std::string_view text) {
  add_bytes(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

/// NULL adds nothing: a column that comes later leaves older checksums as they are.
void add_value(std::string& bytes, int column, const Scan& rows) {
  const int type = rows.type(column);
  if (type == SQLITE_NULL) return;
  bytes += static_cast<char>(column);
  if (type == SQLITE_INTEGER) {
    bytes += 'i';
    add_bytes(bytes, rows.integer(column));
  } else if (type == SQLITE_FLOAT) {
    bytes += 'r';
    add_bytes(bytes, rows.real(column));
  } else {
    bytes += 't';
    add_text(bytes, rows.bytes(column));
  }
}

/// The first column is the metric, or NULL.
void add_row(std::string& bytes, const Scan& rows, std::size_t columns) {
  for (std::size_t i = 1; i <= columns; ++i) add_value(bytes, static_cast<int>(i), rows);
  bytes += '\0';
}

/// Prepared once a connection: statements are kept by their address. All are made at once, because
/// connections of several threads may ask.
const char* select_of(const OwnedTable& table) {
  static const std::map<std::string_view, std::string> kMade = [] {
    std::map<std::string_view, std::string> made = {{kCells.name, select_statement(kCells)}};
    for (const OwnedTable& measured : kMeasured) {
      made.emplace(measured.name, select_statement(measured));
    }
    return made;
  }();
  return kMade.at(table.name).c_str();
}

std::string own_row(Connection& connection, const char* sql, std::int64_t id, std::size_t columns) {
  Scan rows = connection.scan(sql, id);
  std::string bytes;
  if (rows.next()) add_row(bytes, rows, columns);
  return bytes;
}

/// Rows of one table by metric; of a table without metrics all under "".
template <typename MetricName>
std::map<std::string, std::string> rows_of(Connection& connection, const OwnedTable& table,
                                           std::int64_t parent, MetricName metric_name) {
  std::map<std::string, std::string> by_metric;
  Scan rows = connection.scan(select_of(table), parent);
  std::string* bytes = nullptr;
  std::int64_t metric = 0;
  while (rows.next()) {
    if (bytes == nullptr || (table.by_metric && rows.integer(0) != metric)) {
      metric = rows.integer(0);
      bytes = &by_metric[table.by_metric ? metric_name(metric) : ""];
    }
    add_row(*bytes, rows, table.columns.size());
  }
  return by_metric;
}

}  // namespace

const std::string& Checksums::metric(std::int64_t id) {
  std::string& text = metrics_[id];
  if (!text.empty()) return text;
  Query rows = connection_.query(
      "SELECT tag, convention, unit, direction FROM metric_def WHERE metric_id = ?");
  rows.with(id);
  if (!rows.next()) return text = "?";
  for (int i = 0; i < 3; ++i) add_text(text, rows.text(i));
  add_bytes(text, rows.integer(3));
  return text;
}

std::string Checksums::of_attempt(std::int64_t attempt) {
  static const std::string kOwn = fmt::format("SELECT NULL, {} FROM attempt WHERE attempt_id = ?",
                                              column_list(kAttemptColumns));
  Sha256 hash;
  hash.update(own_row(connection_, kOwn.c_str(), attempt, kAttemptColumns.size()));
  for (const OwnedTable& table : kMeasured) {
    hash.update(table.name);
    const auto name = [this](std::int64_t id) -> const std::string& { return metric(id); };
    for (const auto& [metric, rows] : rows_of(connection_, table, attempt, name)) {
      hash.update(metric);
      hash.update(rows);
    }
  }
  return hash.hex();
}

std::string Checksums::of_plan(std::int64_t experiment) {
  static const std::string kOwn = fmt::format(
      "SELECT NULL, {} FROM experiment WHERE experiment_id = ?", column_list(kPlanColumns));
  Sha256 hash;
  hash.update(own_row(connection_, kOwn.c_str(), experiment, kPlanColumns.size()));
  const auto none = [](std::int64_t) { return std::string(); };
  for (const auto& [metric, rows] : rows_of(connection_, kCells, experiment, none)) {
    hash.update(rows);
  }
  return hash.hex();
}

void Checksums::seal_attempt(std::int64_t attempt) {
  connection_.query("UPDATE attempt SET checksum = ? WHERE attempt_id = ?")
      .with(of_attempt(attempt), attempt)
      .run();
}

void Checksums::seal_plan(std::int64_t experiment) {
  connection_.query("UPDATE experiment SET checksum = ? WHERE experiment_id = ?")
      .with(of_plan(experiment), experiment)
      .run();
}

}  // namespace assay
