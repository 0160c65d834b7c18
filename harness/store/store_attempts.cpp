// Attempts: what their processes said, and their end. They begin in store_claims.cpp.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/base/clock.h"
#include "harness/store/checksum.h"
#include "harness/store/columns.h"
#include "harness/store/imported_attempt.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

/// The first thing of every transaction about an attempt.
void require_running(Connection& connection, std::int64_t attempt) {
  Query rows = connection.query(
      "SELECT status, coalesce(reason_code, '') FROM attempt WHERE attempt_id = ?");
  rows.with(attempt);
  if (!rows.next()) throw std::logic_error(fmt::format("no attempt {}", attempt));
  if (rows.text(0) == "RUNNING") return;
  const std::string code = rows.text(1);
  if (code == kParentGone || code == kReboot) {
    throw AttemptLost(
        "another run found no sign of life of this one and closed the cell (did somebody remove "
        "the database's .run- file?)");
  }
  throw std::logic_error("a final status never changes");
}

bool is_final(Outcome outcome) {
  return outcome != Outcome::kQueued && outcome != Outcome::kRunning;
}

MetricDef definition_of(const std::string& tag, const std::vector<MetricDef>& definitions) {
  const auto found = std::find_if(definitions.begin(), definitions.end(),
                                  [&](const MetricDef& def) { return def.tag == tag; });
  if (found != definitions.end()) return *found;
  MetricDef unknown;
  unknown.tag = tag;
  unknown.help = "reported by the worker without a definition";
  return unknown;
}

/// What a metric means is its convention; how it is compared may be declared later, or better.
void declare_basis(Connection& connection, std::int64_t metric, const MetricDef& def) {
  connection.query("UPDATE metric_def SET basis = ?, item_value = ? WHERE metric_id = ?")
      .with(basis_name(def.basis), def.item_value, metric)
      .run();
}

std::int64_t next_process(Connection& connection, std::int64_t attempt) {
  Query rows = connection.query(
      "SELECT coalesce(max(process_no) + 1, 0) FROM process_run WHERE attempt_id = ?");
  rows.with(attempt);
  return rows.next() ? rows.integer(0) : 0;
}

std::int64_t insert_process(Store::Impl& store, std::int64_t attempt, const ProcessRecord& process,
                            const Json& environment) {
  std::optional<std::string> env_hash;
  if (!environment.empty()) env_hash = store.keep_document("environment", environment);
  static const std::string kInsert = insert_statement(kProcesses);
  const std::int64_t number = next_process(store.connection, attempt);
  store.connection.query(kInsert.c_str())
      .with(attempt, number, process.pass, process.order, process.pid, boot_id(),
            process.started_utc, process.ended_utc, process.exit_code, process.signal,
            process.peak_rss_bytes, process.cpu_seconds, process.load1,
            valid_utf8(process.stderr_tail), env_hash, process.block, process.wall_seconds,
            process.start_seconds, process.between_seconds, process.parent_cpu_seconds)
      .run();
  return number;
}

/// A process of another program, of which nothing is known.
std::int64_t insert_imported_process(Connection& connection, std::int64_t attempt) {
  const std::int64_t number = next_process(connection, attempt);
  connection
      .query(
          "INSERT INTO process_run(attempt_id, process_no, pass, order_pos, pid, boot_id, "
          "started_utc, ended_utc, exit_code, signal, peak_rss_bytes, cpu_seconds, load1, "
          "stderr_tail) VALUES (?, ?, 'import', ?, 0, '', '', '', 0, 0, 0, 0, 0, '')")
      .with(attempt, number, number)
      .run();
  return number;
}

void insert_samples(Store::Impl& store, std::int64_t attempt, std::int64_t process,
                    const std::vector<Sample>& samples, const std::vector<MetricDef>& definitions) {
  std::map<std::string, std::int64_t> ids;
  static const std::string kInsert = insert_statement(kSamples);
  Query insert = store.connection.query(kInsert.c_str());
  for (const Sample& sample : samples) {
    auto id = ids.find(sample.tag);
    if (id == ids.end()) {
      id = ids.emplace(sample.tag, store.metric_id(sample.tag, definitions)).first;
    }
    insert.with(attempt, id->second, process, sample.index, sample.value, sample.warmup).run();
  }
}

void insert_items(Connection& connection, std::int64_t attempt,
                  const std::vector<ItemScore>& items) {
  static const std::string kInsert = insert_statement(kItems);
  Query insert = connection.query(kInsert.c_str());
  for (const ItemScore& item : items) {
    insert
        .with(attempt, item.item, item.item_hash, item.correct, item.score, item.nll, item.kld,
              item.tokens, item.output_hash, Json(item.values).dump())
        .run();
  }
}

void insert_events(Connection& connection, std::int64_t attempt, std::int64_t process,
                   const std::vector<WorkerReply::Event>& events) {
  static const std::string kInsert = insert_statement(kEvents);
  for (const WorkerReply::Event& event : events) {
    connection.query(kInsert.c_str())
        .with(attempt, process, utc_now(), event.level, event.code, valid_utf8(event.text))
        .run();
  }
}

}  // namespace

std::string valid_utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace))
      .get<std::string>();
}

std::int64_t Store::Impl::metric_id(const std::string& tag,
                                    const std::vector<MetricDef>& definitions) {
  const MetricDef def = definition_of(tag, definitions);
  Query known = connection.query(
      "SELECT metric_id, unit, direction, basis, item_value FROM metric_def "
      "WHERE tag = ? AND convention = ?");
  known.with(def.tag, def.convention);
  if (known.next()) {
    if (known.text(1) != def.unit || known.integer(2) != def.direction) {
      throw std::logic_error(fmt::format(
          "metric '{}' ({}) is stored with unit '{}' and direction {}, now it has '{}' and {}; a "
          "new meaning needs a new convention",
          def.tag, def.convention, known.text(1), known.integer(2), def.unit, def.direction));
    }
    const std::int64_t id = known.integer(0);
    const bool declared = def.basis != Basis::kUndeclared;
    if (declared && (known.text(3) != basis_name(def.basis) || known.text(4) != def.item_value)) {
      declare_basis(connection, id, def);
    }
    return id;
  }
  Query added = connection.query(
      "INSERT INTO metric_def(tag, unit, direction, convention, help, basis, item_value) "
      "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING metric_id");
  added.with(def.tag, def.unit, def.direction, def.convention, def.help, basis_name(def.basis),
             def.item_value);
  added.next();
  const std::int64_t id = added.integer(0);
  added.next();
  return id;
}

void Store::Impl::write_metrics(std::int64_t attempt, const std::vector<MetricValue>& values,
                                const std::vector<MetricDef>& definitions) {
  static const std::string kInsert =
      "INSERT OR REPLACE" + insert_statement(kMetricValues).substr(std::string("INSERT").size());
  for (const MetricValue& value : values) {
    const std::optional<std::string> null_reason =
        value.value ? std::nullopt
                    : std::optional<std::string>(value.null_reason.empty() ? "not given"
                                                                           : value.null_reason);
    connection.query(kInsert.c_str())
        .with(attempt, metric_id(value.tag, definitions), value.value, value.std_error, value.lo,
              value.hi, value.n, value.interval_method, null_reason, value.no_interval)
        .run();
  }
}

bool Store::reuse(std::int64_t experiment, const std::string& cell_key) {
  Connection& connection = impl_->connection;
  return connection.transaction([&] {
    const int linked =
        connection
            .query(
                "INSERT INTO cell_attempt(cell_id, attempt_id) "
                "SELECT c.cell_id, a.attempt_id FROM plan_cell c JOIN attempt a "
                "ON a.cell_key = c.cell_key WHERE c.experiment_id = ? AND c.cell_key = ? "
                "AND a.status NOT IN ('QUEUED', 'RUNNING', 'INTERRUPTED') "
                "ORDER BY a.attempt_id DESC LIMIT 1 ON CONFLICT DO NOTHING")
            .with(experiment, cell_key)
            .run();
    if (linked > 0) return true;
    Query there = connection.query(
        "SELECT 1 FROM cell_attempt l JOIN plan_cell c ON c.cell_id = l.cell_id JOIN attempt a "
        "ON a.attempt_id = l.attempt_id WHERE c.experiment_id = ? AND c.cell_key = ? "
        "AND a.status NOT IN ('QUEUED', 'RUNNING', 'INTERRUPTED')");
    there.with(experiment, cell_key);
    return there.next();
  });
}

void Store::add_process(std::int64_t attempt, const ProcessRecord& process,
                        const WorkerReply& reply, const std::vector<MetricDef>& definitions) {
  Connection& connection = impl_->connection;
  connection.transaction([&] {
    require_running(connection, attempt);
    const std::int64_t number = insert_process(*impl_, attempt, process, reply.environment);
    insert_samples(*impl_, attempt, number, reply.samples, definitions);
    insert_items(connection, attempt, reply.items);
    impl_->write_metrics(attempt, reply.metrics, definitions);
    insert_events(connection, attempt, number, reply.events);
    if (process.pass == "time") {
      connection.query("UPDATE attempt SET timed = 1 WHERE attempt_id = ?").with(attempt).run();
    }
  });
}

void Store::add_metrics(std::int64_t attempt, const std::vector<MetricValue>& values,
                        const std::vector<MetricDef>& definitions) {
  impl_->connection.transaction([&] {
    require_running(impl_->connection, attempt);
    impl_->write_metrics(attempt, values, definitions);
  });
}

void Store::add_imported(std::int64_t attempt, const std::string& origin,
                         const ImportedAttempt& measured) {
  Connection& connection = impl_->connection;
  connection.transaction([&] {
    require_running(connection, attempt);
    connection.query("UPDATE attempt SET origin = ? WHERE attempt_id = ?")
        .with(origin, attempt)
        .run();
    for (const std::vector<Sample>& samples : measured.processes) {
      const std::int64_t number = insert_imported_process(connection, attempt);
      insert_samples(*impl_, attempt, number, samples, measured.definitions);
      if (number == 0) insert_events(connection, attempt, number, measured.events);
    }
    insert_items(connection, attempt, measured.items);
    impl_->write_metrics(attempt, measured.values, measured.definitions);
  });
}

void Store::add_remark(std::int64_t attempt, const WorkerReply::Event& event) {
  impl_->connection.transaction([&] {
    require_running(impl_->connection, attempt);
    impl_->connection
        .query(
            "INSERT INTO event(attempt_id, process_no, at_utc, level, code, text) "
            "SELECT attempt_id, process_no, ?, ?, ?, ? FROM process_run "
            "WHERE attempt_id = ? AND pass = 'time'")
        .with(utc_now(), event.level, event.code, valid_utf8(event.text), attempt)
        .run();
  });
}

void Store::finish_attempt(std::int64_t attempt, const OutcomeReason& outcome) {
  if (!is_final(outcome.outcome)) throw std::logic_error("an attempt ends with a final status");
  Connection& connection = impl_->connection;
  connection.transaction([&] {
    require_running(connection, attempt);
    const auto text_or_null = [](const std::string& text) {
      return text.empty() ? std::nullopt : std::optional<std::string>(valid_utf8(text));
    };
    connection
        .query(
            "UPDATE attempt SET status = ?, reason_code = ?, reason_text = ?, ended_utc = ? "
            "WHERE attempt_id = ?")
        .with(outcome_name(outcome.outcome), text_or_null(outcome.code), text_or_null(outcome.text),
              utc_now(), attempt)
        .run();
    Checksums(connection).seal_attempt(attempt);
  });
}

}  // namespace assay
