#include "harness/store/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "harness/base/text.h"
#include "harness/store/attempt_lines.h"
#include "harness/store/columns.h"
#include "harness/store/connection.h"
#include "harness/store/migrations.h"

namespace assay {
namespace {

/// Plans that are asked for (?1), and attempts of their cells.
const std::string kAsked =
    "WITH asked AS (SELECT experiment_id FROM experiment WHERE ?1 = '' OR name = ?1), "
    "attempts AS MATERIALIZED (SELECT DISTINCT l.attempt_id FROM cell_attempt l JOIN plan_cell c "
    "ON c.cell_id = l.cell_id JOIN asked USING (experiment_id) JOIN attempt a "
    "ON a.attempt_id = l.attempt_id WHERE a.status NOT IN ('QUEUED', 'RUNNING')) ";

class Exporter {
 public:
  Exporter(Connection& connection, std::string experiment,
           const std::function<void(const Json&)>& sink)
      : connection_(connection), experiment_(std::move(experiment)), sink_(sink) {}

  ExportCounts run() {
    line({{"type", "assay-export"},
          {"version", kExportVersion},
          {"schema", embedded_migrations().back().version}});
    documents();
    static const std::string kMachines =
        kAsked +
        "SELECT machine_id, description FROM machine WHERE machine_id IN (SELECT machine "
        "FROM attempt JOIN attempts USING (attempt_id)) ORDER BY machine_id";
    rows("machine", kMachines, {"machine_id", "description"});
    static const std::string kMetrics =
        kAsked +
        "SELECT tag, convention, unit, direction, help, basis, item_value FROM metric_def "
        "ORDER BY tag, convention";
    rows("metric", kMetrics,
         {"tag", "convention", "unit", "direction", "help", "basis", "item_value"});
    plans();
    static const std::string kFingerprints =
        kAsked + "SELECT subject_key, idx, value FROM fingerprint ORDER BY subject_key, idx";
    rows("fingerprint", kFingerprints, {"subject_key", "idx", "value"});
    attempts();
    line({{"type", "end"}, {"lines", lines_}});
    return counts_;
  }

 private:
  void line(const Json& document) {
    sink_(document);
    ++lines_;
  }

  void rows(const char* type, const std::string& sql, const std::vector<std::string_view>& names) {
    Query found = connection_.query(sql.c_str());
    found.with(experiment_);
    while (found.next()) {
      Json document = row_of(found, names, 0);
      document["type"] = type;
      line(document);
    }
  }

  void documents() {
    static const std::string kSql =
        kAsked +
        "SELECT hash, kind, body FROM blob_doc WHERE hash IN (SELECT config_hash FROM experiment "
        "JOIN asked USING (experiment_id) UNION SELECT cell_key FROM plan_cell JOIN asked USING "
        "(experiment_id) UNION SELECT env_hash FROM process_run JOIN attempts USING (attempt_id)) "
        "ORDER BY hash";
    Query found = connection_.query(kSql.c_str());
    found.with(experiment_);
    while (found.next()) {
      line({{"type", "document"},
            {"hash", found.text(0)},
            {"kind", found.text(1)},
            {"body", parse_json(found.text(2))}});
    }
  }

  void plans() {
    static const std::string kSql = fmt::format(
        "SELECT experiment_id, {}, experiment_uuid, name, checksum FROM experiment "
        "WHERE ?1 = '' OR name = ?1 ORDER BY plan_order",
        column_list(kPlanColumns));
    std::vector<std::string_view> names(kPlanColumns.begin(), kPlanColumns.end());
    names.insert(names.end(), {"experiment_uuid", "name", "checksum"});
    Query found = connection_.query(kSql.c_str());
    found.with(experiment_);
    while (found.next()) {
      Json plan = row_of(found, names, 1);
      plan["type"] = "experiment";
      plan["baseline"] = baseline_of(connection_, found.text(static_cast<int>(names.size()) - 1));
      plan["cells"] = rows_json(connection_, kCells, found.integer(0));
      line(plan);
      ++counts_.plans;
    }
  }

  void attempts() {
    static const std::string kSql = kAsked + "SELECT attempt_id FROM attempts ORDER BY attempt_id";
    Query found = connection_.query(kSql.c_str());
    found.with(experiment_);
    AttemptLines attempts(connection_);
    while (found.next()) {
      Json document = attempts.json(found.integer(0), experiment_);
      document["type"] = "attempt";
      line(document);
      ++counts_.attempts;
    }
    static const std::string kRunning =
        "SELECT count(DISTINCT attempt_id) FROM attempt JOIN cell_attempt USING (attempt_id) "
        "JOIN plan_cell USING (cell_id) JOIN experiment USING (experiment_id) "
        "WHERE status IN ('QUEUED', 'RUNNING') AND (?1 = '' OR name = ?1)";
    Query running = connection_.query(kRunning.c_str());
    running.with(experiment_);
    if (running.next()) counts_.running = running.integer(0);
  }

  Connection& connection_;
  std::string experiment_;
  const std::function<void(const Json&)>& sink_;
  ExportCounts counts_;
  std::int64_t lines_ = 0;
};

void require_experiment(Connection& connection, const std::string& experiment) {
  if (experiment.empty()) return;
  std::vector<std::string> known;
  Query rows = connection.query("SELECT DISTINCT name FROM experiment ORDER BY name");
  rows.with();
  while (rows.next()) known.push_back(rows.text(0));
  if (std::find(known.begin(), known.end(), experiment) != known.end()) return;
  throw UserError(fmt::format("{}: {}", connection.path().string(),
                              unknown_name_message("experiment", experiment, known)));
}

/// Of the newest schema: the file itself, or a copy in memory.
Connection open_newest(const std::filesystem::path& path) {
  Connection connection(path, Connection::Mode::kReadOnly);
  const auto migrations = embedded_migrations();
  const int version = checked_schema_version(connection, migrations.back().version);
  if (version == 0) throw UserError(fmt::format("{}: is empty", path.string()));
  if (version == migrations.back().version) return connection;
  Connection copy = connection.copy_in_memory();
  migrate(copy, migrations, Copy::kNone);
  return copy;
}

}  // namespace

ExportCounts export_lines(const std::filesystem::path& path, const std::string& experiment,
                          const std::function<void(const Json&)>& sink) {
  Connection connection = open_newest(path);
  return connection.reading([&] {
    connection.execute("BEGIN");
    require_experiment(connection, experiment);
    return Exporter(connection, experiment, sink).run();
  });
}

}  // namespace assay
