// Reading whole cells.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/store/records.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

CellRecord cell_from(const Query& rows) {
  CellRecord cell;
  cell.experiment = rows.text(1);
  cell.model = rows.text(2);
  cell.method = rows.text(3);
  cell.params = rows.text(4);
  cell.suite = rows.text(5);
  cell.suite_params = rows.text(6);
  cell.profile = rows.text(7);
  cell.seed = rows.integer(8);
  cell.random_weights = rows.integer(9) != 0;
  cell.limited = rows.integer(10) != 0;
  cell.cell_key = rows.text(11);
  cell.key_doc = rows.json(12);
  cell.status = rows.text(13);
  cell.reason = rows.text(14);
  cell.attempt = rows.text(15);
  cell.session = rows.text(16);
  cell.twin_key = rows.text(17);
  return cell;
}

MetricRecord metric_from(const Query& rows) {
  MetricRecord metric;
  metric.def = {.tag = rows.text(1),
                .unit = rows.text(2),
                .direction = static_cast<int>(rows.integer(3)),
                .convention = rows.text(4),
                .help = rows.text(5),
                .basis = basis_from_name(rows.text(14)),
                .item_value = rows.text(15)};
  metric.summary.tag = metric.def.tag;
  metric.summary.value = rows.real(6);
  metric.summary.std_error = rows.real(7);
  metric.summary.lo = rows.real(8);
  metric.summary.hi = rows.real(9);
  metric.summary.n = rows.integer(10);
  metric.summary.interval_method = rows.text(11);
  metric.summary.null_reason = rows.text(12);
  metric.summary.no_interval = rows.text(13);
  return metric;
}

/// Place of each process of the attempt in the order of the session.
std::map<std::int64_t, int> read_orders(Connection& connection, std::int64_t attempt) {
  Query rows =
      connection.query("SELECT process_no, order_pos FROM process_run WHERE attempt_id = ?");
  rows.with(attempt);
  std::map<std::int64_t, int> orders;
  while (rows.next()) orders[rows.integer(0)] = static_cast<int>(rows.integer(1));
  return orders;
}

/// Read in the order in which they are stored: sorting and joining a million takes longer than
/// that.
void read_samples(Connection& connection, std::int64_t attempt, std::vector<MetricRecord>& metrics,
                  const std::map<std::int64_t, std::size_t>& places) {
  const std::map<std::int64_t, int> orders = read_orders(connection, attempt);
  Scan samples = connection.scan(
      "SELECT metric_id, process_no, value FROM sample WHERE attempt_id = ? AND warmup = 0 "
      "ORDER BY metric_id, process_no, idx",
      attempt);
  std::int64_t metric = -1;
  std::int64_t process = -1;
  std::vector<ProcessSamples>* processes = nullptr;
  while (samples.next()) {
    const bool other = samples.integer(0) != metric;
    if (other) {
      metric = samples.integer(0);
      const auto place = places.find(metric);
      processes = place == places.end() ? nullptr : &metrics[place->second].processes;
    }
    if (processes == nullptr) continue;
    if (other || samples.integer(1) != process) {
      process = samples.integer(1);
      const auto order = orders.find(process);
      processes->push_back({order == orders.end() ? 0 : order->second, {}});
    }
    processes->back().values.push_back(samples.number(2));
  }
  for (MetricRecord& one : metrics) {
    std::ranges::stable_sort(one.processes, {}, &ProcessSamples::order);
  }
}

std::vector<MetricRecord> read_metrics(Connection& connection, std::int64_t attempt) {
  std::vector<MetricRecord> metrics;
  std::map<std::int64_t, std::size_t> places;
  Query rows = connection.query(
      "SELECT d.metric_id, d.tag, d.unit, d.direction, d.convention, d.help, v.value, v.std_error, "
      "v.lo, v.hi, v.n, v.interval_method, coalesce(v.null_reason, ''), v.no_interval, "
      "d.basis, d.item_value "
      "FROM metric_value v "
      "JOIN metric_def d ON d.metric_id = v.metric_id WHERE v.attempt_id = ? ORDER BY d.metric_id");
  rows.with(attempt);
  while (rows.next()) {
    places[rows.integer(0)] = metrics.size();
    metrics.push_back(metric_from(rows));
  }
  read_samples(connection, attempt, metrics, places);
  return metrics;
}

std::vector<ItemScore> read_items(Connection& connection, std::int64_t attempt) {
  Query rows = connection.query(
      "SELECT item_no, item_hash, correct, score, nll, kld, n_tokens, output_hash, extra "
      "FROM per_item WHERE attempt_id = ? ORDER BY item_no");
  rows.with(attempt);
  std::vector<ItemScore> items;
  while (rows.next()) {
    ItemScore item;
    item.item = rows.integer(0);
    item.item_hash = rows.text(1);
    const std::optional<double> correct = rows.real(2);
    if (correct) item.correct = *correct != 0;
    item.score = rows.real(3);
    item.nll = rows.real(4);
    item.kld = rows.real(5);
    item.tokens = rows.integer(6);
    item.output_hash = rows.text(7);
    item.values = rows.json(8).get<std::map<std::string, double>>();
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<WorkerReply::Event> read_remarks(Connection& connection, std::int64_t attempt) {
  Query rows = connection.query(
      "SELECT level, code, text FROM event WHERE attempt_id = ? AND level <> 'info' "
      "GROUP BY level, code, text ORDER BY min(event_id)");
  rows.with(attempt);
  std::vector<WorkerReply::Event> remarks;
  while (rows.next()) remarks.push_back({rows.text(0), rows.text(1), rows.text(2)});
  return remarks;
}

/// What cell_from reads, of cell `c` with key document `k` and attempt `a` of experiment `e`.
const std::string kCellColumns =
    "SELECT DISTINCT coalesce(a.attempt_id, 0), e.name, c.model_name, c.method, c.params, "
    "c.suite_id, c.suite_params, c.profile_id, c.seed, c.random_weights, c.limited, c.cell_key, "
    "k.body, coalesce(a.status, 'QUEUED'), coalesce(a.reason_text, a.reason_code, ''), "
    "coalesce(a.attempt_uuid, ''), coalesce(a.session_uuid, ''), coalesce(c.twin_key, ''), "
    "c.ordinal FROM current_experiment e ";

/// `sql` must outlive the connection: statements are kept by its address.
std::vector<CellRecord> read_cells(Connection& connection, const char* sql,
                                   const std::string& experiment) {
  std::vector<CellRecord> cells;
  std::vector<std::int64_t> attempts;
  Query rows = connection.query(sql);
  rows.with(experiment);
  while (rows.next()) {
    attempts.push_back(rows.integer(0));
    cells.push_back(cell_from(rows));
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (attempts[i] != 0) cells[i].remarks = read_remarks(connection, attempts[i]);
    if (cells[i].status != "OK") continue;
    cells[i].metrics = read_metrics(connection, attempts[i]);
    cells[i].items = read_items(connection, attempts[i]);
  }
  return cells;
}

void require_known(const Store& store, const Connection& connection, const std::string& name) {
  const std::vector<std::string> known = store.experiments();
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw UserError(fmt::format("{}: {}", connection.path().string(),
                              unknown_name_message("experiment", name, known)));
}

const std::string kCellsOfPlan =
    kCellColumns +
    "JOIN plan_cell c ON c.experiment_id = e.experiment_id "
    "JOIN blob_doc k ON k.hash = c.cell_key LEFT JOIN cell_choice h ON h.cell_id = c.cell_id "
    "LEFT JOIN attempt a ON a.attempt_id = h.attempt_id WHERE e.name = ? ORDER BY c.ordinal";

// The few pairs of twin and session come first: a join by cell would look through the plan once for
// each timed cell.
const std::string kTwinsOfPlan =
    kCellColumns +
    "JOIN (SELECT DISTINCT o.experiment_id AS experiment_id, o.twin_key AS twin_key, "
    "t.session_uuid AS session_uuid FROM plan_cell o JOIN cell_choice h ON h.cell_id = o.cell_id "
    "JOIN attempt t ON t.attempt_id = h.attempt_id AND t.status = 'OK' AND t.timed = 1) w "
    "ON w.experiment_id = e.experiment_id "
    "JOIN plan_cell c ON c.experiment_id = e.experiment_id AND c.cell_key = w.twin_key "
    "JOIN blob_doc k ON k.hash = c.cell_key "
    "JOIN attempt a ON a.attempt_id = (SELECT max(b.attempt_id) FROM attempt b "
    "WHERE b.cell_key = w.twin_key AND b.status = 'OK' AND b.session_uuid = w.session_uuid) "
    "WHERE e.name = ? ORDER BY c.ordinal, a.attempt_id";

}  // namespace

std::vector<CellRecord> Store::cell_records(const std::string& experiment) const {
  require_known(*this, impl_->connection, experiment);
  return impl_->connection.reading(
      [&] { return read_cells(impl_->connection, kCellsOfPlan.c_str(), experiment); });
}

std::vector<CellRecord> Store::twin_records(const std::string& experiment) const {
  require_known(*this, impl_->connection, experiment);
  return impl_->connection.reading(
      [&] { return read_cells(impl_->connection, kTwinsOfPlan.c_str(), experiment); });
}

}  // namespace assay
