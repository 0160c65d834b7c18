// Reading what export_lines gave.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/store/attempt_lines.h"
#include "harness/store/checksum.h"
#include "harness/store/exchange.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

/// "?, ?, ": so many, each with its comma.
std::string places(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "?, ";
  return text;
}

class LineReader {
 public:
  LineReader(Connection& connection, std::string file, std::string origin)
      : connection_(connection),
        checksums_(connection),
        lines_(connection),
        file_(std::move(file)),
        origin_(std::move(origin)) {}

  void read(const std::string& text) {
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      ++number_;
      read_line(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
    }
    if (!ended_) refuse("the file ends before its last line; export it again, or copy all of it");
  }
  [[nodiscard]] const ImportedLines& counts() const { return counts_; }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(fmt::format("{}:{}: {}", file_, number_, what));
  }

  void read_line(std::string_view line) {
    if (ended_) refuse("there is more behind the line of type 'end'");
    try {
      take(parse_json(line));
    } catch (const JsonError& error) {
      throw UserError(fmt::format("{}:{}:{}: {}", file_, number_, error.byte(), error.what()));
    } catch (const Json::exception& error) {
      refuse(fmt::format("is no line of an export ({})", error.what()));
    } catch (const SQLite::Exception& error) {
      refuse_row(error);
    }
  }

  /// A full disk is no fault of the line.
  [[noreturn]] void refuse_row(const SQLite::Exception& error) const {
    constexpr int kConstraint = 19;
    if (error.getErrorCode() != kConstraint) throw error;
    refuse(fmt::format("holds what no database can hold ({})", error.what()));
  }

  void take(const Json& line) {
    const auto type = line.at("type").get<std::string>();
    if ((number_ == 1) != (type == "assay-export")) {
      refuse(
          "is no export of `assay db export`, whose first line has the type 'assay-export'; "
          "`assay import` reads CSV and results of other programs");
    }
    if (type == "assay-export") return take_header(line);
    if (type == "document") return take_document(line);
    if (type == "machine") return take_machine(line);
    if (type == "metric") return take_metric(line);
    if (type == "experiment") return take_experiment(line);
    if (type == "fingerprint") return take_fingerprint(line);
    if (type == "attempt") return take_attempt(line);
    if (type != "end") refuse(fmt::format("unknown type '{}'", type));
    ended_ = true;
    if (line.at("lines") != number_ - 1) {
      refuse(fmt::format("the export had {} lines before this one, here are {}",
                         line.at("lines").dump(), number_ - 1));
    }
  }

  void take_header(const Json& line) const {
    const int version = line.at("version").get<int>();
    if (version == kExportVersion) return;
    refuse(
        fmt::format("is an export of version {}, this assay reads {}; use the assay that made it",
                    version, kExportVersion));
  }

  void take_document(const Json& line) {
    const auto hash = line.at("hash").get<std::string>();
    const std::string body = canonical_json(line.at("body"));
    if (sha256_hex(body) != hash) refuse("the document has another hash than it says");
    connection_
        .query("INSERT INTO blob_doc(hash, kind, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .with(hash, line.at("kind").get<std::string>(), body)
        .run();
  }

  void take_machine(const Json& line) {
    connection_
        .query("INSERT INTO machine(machine_id, description) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .with(line.at("machine_id").get<std::string>(), line.at("description").get<std::string>())
        .run();
  }

  void take_fingerprint(const Json& line) {
    connection_
        .query(
            "INSERT INTO fingerprint(subject_key, idx, value) VALUES (?, ?, ?) "
            "ON CONFLICT DO NOTHING")
        .with_values({line.at("subject_key"), line.at("idx"), line.at("value")})
        .run();
  }

  void take_metric(const Json& line) {
    Query known = connection_.query(
        "SELECT unit, direction FROM metric_def WHERE tag = ? AND convention = ?");
    known.with_values({line.at("tag"), line.at("convention")});
    if (known.next()) {
      if (known.text(0) == line.at("unit") && known.integer(1) == line.at("direction")) return;
      refuse(
          fmt::format("metric {} has another unit or direction in the database; import into a "
                      "file of its own",
                      line.at("tag").dump()));
    }
    connection_
        .query(
            "INSERT INTO metric_def(tag, convention, unit, direction, help, basis, item_value) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)")
        .with_values({line.at("tag"), line.at("convention"), line.at("unit"), line.at("direction"),
                      line.at("help"), line.at("basis"), line.at("item_value")})
        .run();
  }

  std::optional<std::int64_t> known_experiment(const Json& line) {
    Query rows = connection_.query(
        "SELECT experiment_id FROM experiment WHERE experiment_uuid = ?1 "
        "OR (name = ?2 AND plan_hash = ?3)");
    rows.with_values({line.at("experiment_uuid"), line.at("name"), line.at("plan_hash")});
    if (!rows.next()) return std::nullopt;
    return rows.integer(0);
  }

  void take_experiment(const Json& line) {
    std::int64_t& id = experiments_[line.at("experiment_uuid").get<std::string>()];
    if (const auto known = known_experiment(line)) {
      id = *known;
      ++counts_.known_plans;
      return;
    }
    static const std::string kInsert = fmt::format(
        "INSERT INTO experiment(experiment_uuid, name, checksum, {}, plan_order) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(plan_order), 0) + 1 "
        "FROM experiment)) RETURNING experiment_id",
        column_list(kPlanColumns));
    std::vector<Json> values = {line.at("experiment_uuid"), line.at("name"), line.at("checksum")};
    for (const std::string_view column : kPlanColumns)
      values.push_back(line.at(std::string(column)));
    id = returned(kInsert, values);
    for (const Json& cell : line.at("cells")) insert(kCells, id, std::nullopt, cell);
    const bool held =
        line.at("checksum").is_null() || checksums_.of_plan(id) == line.at("checksum");
    if (!held) refuse("the plan is not what was exported: its checksum differs");
    if (!line.at("baseline").is_null()) keep_baseline(line);
    ++counts_.plans;
  }

  void keep_baseline(const Json& line) {
    connection_
        .query(
            "INSERT INTO store_meta(key, value) VALUES ('baseline:' || ?, ?) "
            "ON CONFLICT DO NOTHING")
        .with(line.at("name").get<std::string>(), line.at("baseline").dump())
        .run();
  }

  std::int64_t returned(const std::string& sql, const std::vector<Json>& values) {
    Query added = connection_.query(sql.c_str());
    added.with_values(values);
    added.next();
    const std::int64_t id = added.integer(0);
    added.next();
    return id;
  }

  void insert(const OwnedTable& table, std::int64_t parent, std::optional<std::int64_t> metric,
              const Json& row) {
    static std::map<std::string_view, std::string> made;
    std::string& sql = made[table.name];
    if (sql.empty()) sql = insert_statement(table);
    std::vector<Json> values = {parent};
    if (metric) values.emplace_back(*metric);
    for (const std::string_view column : table.columns)
      values.push_back(row.at(std::string(column)));
    connection_.query(sql.c_str()).with_values(values).run();
  }

  std::int64_t metric_of(const Json& row) {
    Query rows =
        connection_.query("SELECT metric_id FROM metric_def WHERE tag = ? AND convention = ?");
    rows.with_values({row.at("tag"), row.at("convention")});
    if (!rows.next())
      refuse(fmt::format("metric {} was not described before", row.at("tag").dump()));
    return rows.integer(0);
  }

  void take_attempt(const Json& line) {
    std::int64_t attempt = known_attempt(line);
    if (attempt == 0) {
      attempt = insert_attempt(line);
      const Json& checksum = line.at("checksum");
      if (!checksum.is_null() && checksums_.of_attempt(attempt) != checksum) {
        refuse("the attempt is not what was exported: its checksum differs");
      }
      ++counts_.attempts;
    } else {
      ++counts_.known_attempts;
    }
    link(attempt, line);
  }

  /// 0 when it is not there.
  std::int64_t known_attempt(const Json& line) {
    std::int64_t attempt = 0;
    {
      Query rows = connection_.query("SELECT attempt_id FROM attempt WHERE attempt_uuid = ?");
      rows.with_values({line.at("attempt_uuid")});
      if (!rows.next()) return 0;
      attempt = rows.integer(0);
    }
    Json there = lines_.json(attempt, "");
    Json here = line;
    for (const char* name : {"cells", "cell", "type"}) {
      there.erase(name);
      here.erase(name);
    }
    if (here == there) return attempt;
    refuse(
        fmt::format("attempt {} is in the database already, with other content; nothing was "
                    "imported. Import into a file of its own and compare",
                    line.at("attempt_uuid").dump()));
  }

  std::int64_t insert_attempt(const Json& line) {
    static const std::string kSql = fmt::format(
        "INSERT INTO attempt({}, checksum, origin) VALUES ({}?, ?) RETURNING attempt_id",
        column_list(kAttemptColumns), places(kAttemptColumns.size()));
    std::vector<Json> values;
    for (const std::string_view column : kAttemptColumns) {
      values.push_back(line.at(std::string(column)));
    }
    values.push_back(line.at("checksum"));
    values.emplace_back(origin_);
    const std::int64_t attempt = returned(kSql, values);
    for (const OwnedTable& table : {kProcesses, kItems, kEvents}) {
      for (const Json& row : line.at(std::string(table.name))) {
        insert(table, attempt, std::nullopt, row);
      }
    }
    for (const Json& row : line.at("metric_value")) {
      insert(kMetricValues, attempt, metric_of(row), row);
    }
    for (const Json& series : line.at("sample")) insert_series(attempt, series);
    return attempt;
  }

  void insert_series(std::int64_t attempt, const Json& series) {
    const std::int64_t metric = metric_of(series);
    for (std::size_t i = 0; i < series.at("value").size(); ++i) {
      Json row;
      for (const std::string_view column : kSampleColumns) {
        row[std::string(column)] = series.at(std::string(column)).at(i);
      }
      insert(kSamples, attempt, metric, row);
    }
  }

  void link(std::int64_t attempt, const Json& line) {
    for (const Json& cell : line.at("cells")) {
      const auto experiment = experiments_.find(cell.at("experiment").get<std::string>());
      if (experiment == experiments_.end()) refuse("the plan of the attempt's cell did not come");
      connection_
          .query(
              "INSERT INTO cell_attempt(cell_id, attempt_id) SELECT cell_id, ? FROM plan_cell "
              "WHERE experiment_id = ? AND ordinal = ? ON CONFLICT DO NOTHING")
          .with(attempt, experiment->second, cell.at("ordinal").get<std::int64_t>())
          .run();
    }
  }

  Connection& connection_;
  Checksums checksums_;
  AttemptLines lines_;
  std::string file_, origin_;
  std::map<std::string, std::int64_t> experiments_;
  ImportedLines counts_;
  std::int64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace

ImportedLines import_lines(const std::filesystem::path& file,
                           const std::filesystem::path& database) {
  const std::string text = read_text_file(file);
  if (!text.starts_with("{\"")) {
    throw UserError(
        fmt::format("{}:1: is no export of `assay db export`; `assay import` reads CSV "
                    "and results of other programs",
                    file.string()));
  }
  { const Store made = Store::open(database); }
  Connection connection(database, Connection::Mode::kReadWrite);
  const std::string origin =
      fmt::format("{} ({})", file.filename().string(), sha256_hex(text).substr(0, 8));
  return connection.transaction([&] {
    LineReader reader(connection, file.string(), origin);
    reader.read(text);
    return reader.counts();
  });
}

}  // namespace assay
