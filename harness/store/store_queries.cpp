// Reading: outcomes, result rows, documents.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/numbered_notes.h"
#include "harness/base/text.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

ResultRow row_from(const Query& rows) {
  ResultRow row;
  row.experiment = rows.text(0);
  row.model = rows.text(1);
  row.method = rows.text(2);
  row.params = rows.text(3);
  row.suite = rows.text(4);
  row.suite_params = rows.text(5);
  row.metric = rows.text(6);
  row.unit = rows.text(7);
  row.convention = rows.text(8);
  row.direction = static_cast<int>(rows.integer(9));
  row.profile = rows.text(10);
  row.seed = rows.integer(11);
  row.status = rows.text(12);
  row.reason = rows.text(13);
  row.value = rows.real(14);
  row.lo = rows.real(15);
  row.hi = rows.real(16);
  row.n = rows.integer(17);
  row.twin_value = rows.real(18);
  row.ratio = rows.real(19);
  row.cell_key = rows.text(20);
  row.random_weights = rows.integer(21) != 0;
  row.limited = rows.integer(22) != 0;
  row.no_interval = rows.text(23);
  row.basis = basis_from_name(rows.text(24));
  row.machine = rows.text(25);
  row.timed = rows.integer(26) != 0;
  return row;
}

/// How the attempt ended that speaks for a cell.
struct FinalAttempt {
  OutcomeReason outcome;
  bool elsewhere = false;  ///< timed on another machine than the one in use
};

std::optional<FinalAttempt> newest_final(Store::Impl& store, const std::string& cell_key) {
  Query rows = store.connection.query(
      "SELECT status, coalesce(reason_code, ''), coalesce(reason_text, ''), "
      "timed AND machine <> ?2 AND ?2 <> '' FROM attempt "
      "WHERE cell_key = ?1 AND status NOT IN ('QUEUED', 'RUNNING') "
      "ORDER BY status = 'INTERRUPTED', attempt_id DESC LIMIT 1");
  rows.with(cell_key, store.machine);
  if (!rows.next()) return std::nullopt;
  return FinalAttempt{{outcome_from_name(rows.text(0)), rows.text(1), rows.text(2)},
                      rows.integer(3) != 0};
}

/// Remarks in the order of their cells. What several processes of a cell say in other numbers is
/// one remark with ranges; what is said of the model and the data stays as it is.
class MergedRemarks {
 public:
  void add(Remark remark) {
    const RangedText text(remark.text);
    if (!speaks_of_subject(remark.code) && merged(remark, text)) return;
    remarks_.push_back(std::move(remark));
    texts_.push_back(text);
  }
  std::vector<Remark> take() {
    for (std::size_t i = 0; i < remarks_.size(); ++i) remarks_[i].text = texts_[i].text();
    return std::move(remarks_);
  }

 private:
  /// Those of the same cell are at the end.
  bool merged(const Remark& remark, const RangedText& text) {
    for (std::size_t i = remarks_.size(); i-- > 0 && remarks_[i].cell_key == remark.cell_key;) {
      Remark& known = remarks_[i];
      if (known.code != remark.code || known.level != remark.level) continue;
      if (texts_[i].pattern() != text.pattern()) continue;
      texts_[i].widen(text);
      known.processes = std::min(known.of_processes, known.processes + remark.processes);
      return true;
    }
    return false;
  }

  std::vector<Remark> remarks_;
  std::vector<RangedText> texts_;
};

}  // namespace

std::optional<OutcomeReason> Store::final_outcome(const std::string& cell_key) const {
  const auto newest = impl_->connection.reading([&] { return newest_final(*impl_, cell_key); });
  if (!newest || newest->elsewhere) return std::nullopt;
  return newest->outcome;
}

bool Store::timed_elsewhere(const std::string& cell_key) const {
  const auto newest = impl_->connection.reading([&] { return newest_final(*impl_, cell_key); });
  return newest && newest->elsewhere;
}

std::int64_t Store::newest_attempt() const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query("SELECT coalesce(max(attempt_id), 0) FROM attempt");
    rows.with();
    return rows.next() ? rows.integer(0) : 0;
  });
}

bool Store::finished_since(const std::string& cell_key, std::int64_t attempt) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT 1 FROM attempt WHERE cell_key = ? AND attempt_id > ? "
        "AND status NOT IN ('QUEUED', 'RUNNING', 'INTERRUPTED')");
    rows.with(cell_key, attempt);
    return rows.next();
  });
}

bool Store::has_metric(const std::string& cell_key, const std::string& tag) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT 1 FROM metric_value v JOIN metric_def d ON d.metric_id = v.metric_id "
        "WHERE d.tag = ? AND v.attempt_id = (SELECT max(attempt_id) FROM attempt "
        "WHERE cell_key = ? AND status = 'OK')");
    rows.with(tag, cell_key);
    return rows.next();
  });
}

std::vector<std::string> Store::experiments() const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query("SELECT name FROM current_experiment ORDER BY plan_order");
    rows.with();
    std::vector<std::string> names;
    while (rows.next()) names.push_back(rows.text(0));
    return names;
  });
}

std::vector<ResultRow> Store::results(const std::string& experiment) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT experiment, model, method, params, suite, suite_params, metric, unit, convention, "
        "direction, profile, seed, status, reason, value, lo, hi, n, twin_value, ratio, cell_key, "
        "random_weights, limited, no_interval, basis, machine, timed FROM results_history "
        "WHERE experiment_id IN (SELECT experiment_id FROM current_experiment "
        "WHERE ?1 = '' OR name = ?1) ORDER BY plan_order, ordinal, metric_id");
    rows.with(experiment);
    std::vector<ResultRow> found;
    while (rows.next()) found.push_back(row_from(rows));
    return found;
  });
}

Json Store::experiment_config(const std::string& name) const {
  const std::optional<Json> body = impl_->connection.reading([&]() -> std::optional<Json> {
    Query rows = impl_->connection.query(
        "SELECT b.body FROM current_experiment e JOIN blob_doc b ON b.hash = e.config_hash "
        "WHERE e.name = ?");
    rows.with(name);
    if (!rows.next()) return std::nullopt;
    return rows.json(0);
  });
  if (!body) {
    throw UserError(fmt::format("{}: {}", impl_->connection.path().string(),
                                unknown_name_message("experiment", name, experiments())));
  }
  return *body;
}

std::map<std::string, std::string> Store::machines() const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query("SELECT machine_id, description FROM machine");
    rows.with();
    std::map<std::string, std::string> found;
    while (rows.next()) found[rows.text(0)] = rows.text(1);
    return found;
  });
}

std::vector<Json> Store::environments(const std::string& experiment) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT b.body FROM current_experiment e "
        "JOIN plan_cell c ON c.experiment_id = e.experiment_id "
        "JOIN cell_choice h ON h.cell_id = c.cell_id "
        "JOIN process_run p ON p.attempt_id = h.attempt_id JOIN blob_doc b ON b.hash = p.env_hash "
        "WHERE ?1 = '' OR e.name = ?1 GROUP BY b.hash ORDER BY min(e.plan_order), min(c.ordinal), "
        "b.hash");
    rows.with(experiment);
    std::vector<Json> documents;
    while (rows.next()) documents.push_back(rows.json(0));
    return documents;
  });
}

std::vector<Remark> Store::remarks(const std::string& experiment) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT cell_key, level, code, text, processes, of_processes FROM remarks "
        "WHERE experiment = ? ORDER BY ordinal, first_event");
    rows.with(experiment);
    MergedRemarks found;
    while (rows.next()) {
      found.add({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.integer(4),
                 rows.integer(5)});
    }
    return found.take();
  });
}

std::optional<HarnessOverhead> Store::harness_overhead(const std::string& experiment) const {
  return impl_->connection.reading([&]() -> std::optional<HarnessOverhead> {
    Query rows = impl_->connection.query(
        "SELECT processes, wall, start, load, between_processes, parent_cpu FROM harness_overhead "
        "WHERE experiment = ?");
    rows.with(experiment);
    if (!rows.next()) return std::nullopt;
    const auto seconds = [&](int column) { return rows.real(column).value_or(0); };
    return HarnessOverhead{rows.integer(0), seconds(1), seconds(2),
                           seconds(3),      seconds(4), seconds(5)};
  });
}

std::vector<Json> Store::measured_keys(const std::string& method, const std::string& suite) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT b.body FROM blob_doc b JOIN (SELECT c.cell_key, max(a.attempt_id) AS newest "
        "FROM plan_cell c JOIN attempt a ON a.cell_key = c.cell_key WHERE c.method = ? "
        "AND c.suite_id = ? AND c.profile_id <> 'imported' AND a.status NOT IN ('QUEUED', "
        "'RUNNING', 'INTERRUPTED') "
        "GROUP BY c.cell_key) k ON k.cell_key = b.hash ORDER BY k.newest DESC");
    rows.with(method, suite);
    std::vector<Json> documents;
    while (rows.next()) documents.push_back(rows.json(0));
    return documents;
  });
}

std::vector<Json> Store::machine_checks(const std::string& profile) const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT body FROM machine_check WHERE profile_id = ? ORDER BY check_id DESC");
    rows.with(profile);
    std::vector<Json> documents;
    while (rows.next()) documents.push_back(rows.json(0));
    return documents;
  });
}

}  // namespace assay
