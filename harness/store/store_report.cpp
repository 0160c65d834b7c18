// Reading for reports: raw samples, processes, origins, history.

#include <set>
#include <utility>

#include "harness/store/report_records.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

/// Cells of the newest plan of a name (?1) with the attempt that speaks for each.
constexpr const char* kChosen =
    "WITH plan AS (SELECT c.cell_id, c.ordinal, c.cell_key FROM current_experiment e "
    "JOIN plan_cell c ON c.experiment_id = e.experiment_id WHERE e.name = ?1), "
    "chosen AS MATERIALIZED (SELECT p.ordinal, p.cell_key, a.attempt_id, a.status FROM plan p "
    "JOIN cell_choice h ON h.cell_id = p.cell_id JOIN attempt a ON a.attempt_id = h.attempt_id) ";

void add_sample(std::vector<TimedSeries>& all, const Query& rows) {
  const std::string key = rows.text(0);
  const std::string metric = rows.text(1);
  if (all.empty() || all.back().cell_key != key || all.back().metric != metric) {
    all.push_back({key, metric, rows.text(2)});
  }
  auto& processes = all.back().processes;
  const int process = static_cast<int>(rows.integer(3));
  if (processes.empty() || processes.back().process != process) {
    processes.push_back({process, static_cast<int>(rows.integer(4))});
  }
  auto& values = rows.integer(6) != 0 ? processes.back().warmup : processes.back().values;
  values.push_back(rows.number(5));
}

std::vector<std::pair<std::string, std::string>> warnings_of(Connection& connection,
                                                             std::int64_t attempt) {
  Query rows = connection.query(
      "SELECT DISTINCT code, text FROM event WHERE attempt_id = ? AND level = 'warning' "
      "ORDER BY event_id");
  rows.with(attempt);
  std::vector<std::pair<std::string, std::string>> warnings;
  while (rows.next()) warnings.emplace_back(rows.text(0), rows.text(1));
  return warnings;
}

}  // namespace

std::vector<TimedSeries> Store::timed_series(const std::string& experiment) const {
  static const std::string kSql =
      std::string(kChosen) +
      "SELECT c.cell_key, d.tag, d.unit, s.process_no, p.order_pos, s.value, s.warmup "
      "FROM chosen c CROSS JOIN sample s ON s.attempt_id = c.attempt_id "
      "JOIN process_run p ON p.attempt_id = s.attempt_id AND p.process_no = s.process_no "
      "JOIN metric_def d ON d.metric_id = s.metric_id WHERE c.status = 'OK' "
      "ORDER BY c.ordinal, s.metric_id, s.process_no, s.idx";
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(kSql.c_str());
    rows.with(experiment);
    std::vector<TimedSeries> series;
    while (rows.next()) add_sample(series, rows);
    return series;
  });
}

std::vector<ProcessTotal> Store::process_totals(const std::string& experiment) const {
  static const std::string kSql =
      std::string(kChosen) +
      "SELECT c.cell_key, p.pass, count(*), "
      "sum((julianday(p.ended_utc) - julianday(p.started_utc)) * 86400.0), sum(p.cpu_seconds) "
      "FROM chosen c CROSS JOIN process_run p ON p.attempt_id = c.attempt_id "
      "GROUP BY c.ordinal, c.cell_key, p.pass ORDER BY c.ordinal, p.pass";
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(kSql.c_str());
    rows.with(experiment);
    std::vector<ProcessTotal> totals;
    while (rows.next()) {
      totals.push_back({rows.text(0), rows.text(1), rows.integer(2), rows.real(3).value_or(0),
                        rows.real(4).value_or(0)});
    }
    return totals;
  });
}

std::vector<ProcessSpan> Store::process_spans() const {
  return impl_->connection.reading([&] {
    // A process counts once, however many plans have its cell.
    Query rows = impl_->connection.query(
        "SELECT pass, method, params, model_name, suite_id, suite_params, profile_id, "
        "min(seconds), max(seconds), count(*) FROM (SELECT DISTINCT p.attempt_id, p.process_no, "
        "p.pass, c.method, c.params, c.model_name, c.suite_id, c.suite_params, c.profile_id, "
        "p.wall_seconds + coalesce(p.between_seconds, 0) AS seconds FROM attempt a "
        "JOIN process_run p ON p.attempt_id = a.attempt_id "
        "JOIN plan_cell c ON c.cell_key = a.cell_key "
        "WHERE a.status = 'OK' AND p.wall_seconds IS NOT NULL AND (a.machine = ?1 OR ?1 = '')) "
        "GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7");
    rows.with(impl_->machine);
    std::vector<ProcessSpan> spans;
    while (rows.next()) {
      spans.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4),
                       rows.text(5), rows.text(6), rows.number(7), rows.number(8),
                       rows.integer(9)});
    }
    return spans;
  });
}

std::map<std::string, std::string> Store::imported_from(const std::string& experiment) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT c.cell_key, a.origin FROM current_experiment e "
        "JOIN plan_cell c ON c.experiment_id = e.experiment_id "
        "JOIN cell_choice h ON h.cell_id = c.cell_id JOIN attempt a ON a.attempt_id = h.attempt_id "
        "WHERE e.name = ? AND a.origin IS NOT NULL");
    rows.with(experiment);
    std::map<std::string, std::string> found;
    while (rows.next()) found.emplace(rows.text(0), rows.text(1));
    return found;
  });
}

std::vector<Origin> Store::origins(const std::string& experiment) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT 'model', c.model_name, c.model_hash FROM current_experiment e "
        "JOIN plan_cell c ON c.experiment_id = e.experiment_id WHERE e.name = ?1 "
        "GROUP BY c.model_name, c.model_hash "
        "UNION ALL SELECT 'method', c.method, coalesce(json_extract(b.body, '$.method.source'), "
        "'') "
        "FROM current_experiment e JOIN plan_cell c ON c.experiment_id = e.experiment_id "
        "JOIN blob_doc b ON b.hash = c.cell_key WHERE e.name = ?1 GROUP BY c.method, 3 "
        "UNION ALL SELECT 'suite', c.suite_id, coalesce(json_extract(b.body, '$.suite.data'), '') "
        "FROM current_experiment e JOIN plan_cell c ON c.experiment_id = e.experiment_id "
        "JOIN blob_doc b ON b.hash = c.cell_key WHERE e.name = ?1 GROUP BY c.suite_id, 3 "
        "ORDER BY 1, 2, 3");
    rows.with(experiment);
    std::vector<Origin> found;
    while (rows.next()) found.push_back({rows.text(0), rows.text(1), rows.text(2)});
    return found;
  });
}

std::vector<HistoryPoint> Store::history(const std::string& metric) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT e.name, coalesce(a.ended_utc, a.started_utc), c.model_name, c.method, c.params, "
        "c.suite_id, c.suite_params, d.tag, d.unit, d.convention, c.profile_id, c.seed, "
        "d.direction, v.value, v.lo, v.hi, a.attempt_uuid, c.cell_key, b.body, "
        "c.random_weights, c.limited, a.attempt_id FROM metric_def d "
        "JOIN metric_value v ON v.metric_id = d.metric_id AND v.value IS NOT NULL "
        "JOIN attempt a ON a.attempt_id = v.attempt_id AND a.status = 'OK' "
        "JOIN cell_attempt l ON l.attempt_id = a.attempt_id "
        "JOIN plan_cell c ON c.cell_id = l.cell_id "
        "JOIN blob_doc b ON b.hash = c.cell_key "
        "JOIN experiment e ON e.experiment_id = c.experiment_id WHERE d.tag = ? "
        "ORDER BY 2, e.plan_order, c.ordinal");
    rows.with(metric);
    std::vector<HistoryPoint> points;
    // A later plan that found its cells measured is no new measurement.
    std::set<std::pair<std::string, std::string>> seen;
    while (rows.next()) {
      const std::string name = rows.text(0);
      const std::size_t at = name.find('@');
      HistoryPoint point{name.substr(0, at),
                         at == std::string::npos ? "" : name.substr(at + 1),
                         rows.text(1),
                         rows.text(2),
                         rows.text(3),
                         rows.text(4),
                         rows.text(5),
                         rows.text(6),
                         rows.text(7),
                         rows.text(8),
                         rows.text(9),
                         rows.text(10),
                         rows.integer(11),
                         static_cast<int>(rows.integer(12)),
                         rows.number(13),
                         rows.real(14),
                         rows.real(15),
                         rows.text(17),
                         Json(),
                         rows.integer(19) != 0,
                         rows.integer(20) != 0,
                         {}};
      if (!seen.emplace(point.experiment, rows.text(16)).second) continue;
      point.key_doc = rows.json(18);
      point.remarks = warnings_of(impl_->connection, rows.integer(21));
      points.push_back(std::move(point));
    }
    return points;
  });
}

std::vector<std::string> Store::metric_tags() const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query("SELECT DISTINCT tag FROM metric_def ORDER BY tag");
    rows.with();
    std::vector<std::string> tags;
    while (rows.next()) tags.push_back(rows.text(0));
    return tags;
  });
}

}  // namespace assay
