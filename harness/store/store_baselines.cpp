// Baselines: experiments copied out of another database, kept by name and commit.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/store/checksum.h"
#include "harness/store/columns.h"
#include "harness/store/reading_place.h"
#include "harness/store/records.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

constexpr const char* kPrefix = "baseline:";

/// Cells of the wanted experiment with the attempts that speak for them, and the old and new ids of
/// attempts.
constexpr const char* kTemporaryTables =
    "CREATE TEMP TABLE IF NOT EXISTS wanted(cell_id INTEGER, cell_key TEXT, attempt_id INTEGER);"
    "CREATE TEMP TABLE IF NOT EXISTS moved(old_id INTEGER PRIMARY KEY, new_id INTEGER);"
    "DELETE FROM temp.wanted; DELETE FROM temp.moved;";

void choose_cells(Connection& connection, const std::string& experiment) {
  connection.run(kTemporaryTables);
  connection
      .query(
          "INSERT INTO temp.wanted SELECT c.cell_id, c.cell_key, a.attempt_id "
          "FROM source.current_experiment e "
          "JOIN source.plan_cell c ON c.experiment_id = e.experiment_id "
          "LEFT JOIN source.cell_choice h ON h.cell_id = c.cell_id "
          "LEFT JOIN source.attempt a ON a.attempt_id = h.attempt_id "
          "AND a.status NOT IN ('QUEUED', 'RUNNING') WHERE e.name = ?")
      .with(experiment)
      .run();
}

void copy_documents(Connection& connection, const std::string& experiment) {
  connection
      .query(
          "INSERT OR IGNORE INTO main.blob_doc(hash, kind, body) "
          "SELECT hash, kind, body FROM source.blob_doc WHERE "
          "hash IN (SELECT cell_key FROM temp.wanted) OR "
          "hash IN (SELECT config_hash FROM source.current_experiment WHERE name = ?) OR "
          "hash IN (SELECT env_hash FROM source.process_run "
          "WHERE attempt_id IN (SELECT attempt_id FROM temp.wanted))")
      .with(experiment)
      .run();
}

std::int64_t copy_plan(Connection& connection, const std::string& experiment,
                       const std::string& as) {
  static const std::string kPlan = fmt::format(
      "INSERT INTO main.experiment(experiment_uuid, name, plan_order, {0}) SELECT ?, ?, "
      "(SELECT coalesce(max(plan_order), 0) + 1 FROM main.experiment), {0} "
      "FROM source.current_experiment WHERE name = ? RETURNING experiment_id",
      column_list(kPlanColumns));
  static const std::string kCopyCells = fmt::format(
      "INSERT INTO main.plan_cell(experiment_id, {0}) SELECT ?, {0} FROM source.plan_cell "
      "WHERE cell_id IN (SELECT cell_id FROM temp.wanted)",
      column_list(kPlanCellColumns));
  Query added = connection.query(kPlan.c_str());
  added.with(new_uuid(), as, experiment);
  if (!added.next()) throw std::logic_error("no experiment " + experiment + " to copy");
  const std::int64_t id = added.integer(0);
  added.next();
  connection.query(kCopyCells.c_str()).with(id).run();
  Checksums(connection).seal_plan(id);
  return id;
}

void copy_attempts(Connection& connection, std::int64_t experiment) {
  connection.run(
      std::string(
          "INSERT OR IGNORE INTO main.machine SELECT * FROM source.machine WHERE machine_id IN "
          "(SELECT machine FROM source.attempt "
          "WHERE attempt_id IN (SELECT attempt_id FROM temp.wanted));") +
      fmt::format(
          "INSERT OR IGNORE INTO main.attempt({0}, checksum, origin) SELECT {0}, checksum, origin "
          "FROM source.attempt WHERE attempt_id IN (SELECT attempt_id FROM temp.wanted);",
          column_list(kAttemptColumns)) +
      "INSERT INTO temp.moved SELECT s.attempt_id, m.attempt_id FROM source.attempt s "
      "JOIN main.attempt m ON m.attempt_uuid = s.attempt_uuid "
      "WHERE s.attempt_id IN (SELECT attempt_id FROM temp.wanted)");
  connection
      .query(
          "INSERT OR IGNORE INTO main.cell_attempt(cell_id, attempt_id) SELECT c.cell_id, m.new_id "
          "FROM main.plan_cell c JOIN temp.wanted w ON w.cell_key = c.cell_key "
          "JOIN temp.moved m ON m.old_id = w.attempt_id WHERE c.experiment_id = ?")
      .with(experiment)
      .run();
}

/// Rows of one table of the attempts that are copied. What is there already (an attempt that came
/// with another baseline) is left as it is.
std::string copy_statement(const OwnedTable& table) {
  if (table.by_metric) {
    return fmt::format(
        "INSERT OR IGNORE INTO main.{0}(attempt_id, metric_id, {1}) SELECT m.new_id, n.metric_id, "
        "{2} FROM source.{0} s JOIN temp.moved m ON m.old_id = s.attempt_id "
        "JOIN source.metric_def o ON o.metric_id = s.metric_id "
        "JOIN main.metric_def n ON n.tag = o.tag AND n.convention = o.convention",
        table.name, column_list(table.columns), column_list(table.columns, "s."));
  }
  // Events have no identity of their own.
  return fmt::format(
      "INSERT OR IGNORE INTO main.{0}(attempt_id, {1}) SELECT m.new_id, {2} FROM source.{0} s "
      "JOIN temp.moved m ON m.old_id = s.attempt_id WHERE '{0}' <> 'event' OR NOT EXISTS "
      "(SELECT 1 FROM main.event n WHERE n.attempt_id = m.new_id) ORDER BY s.attempt_id, s.{3}",
      table.name, column_list(table.columns), column_list(table.columns, "s."), table.order);
}

void copy_measurements(Connection& connection) {
  connection.run(
      "INSERT INTO main.metric_def(tag, unit, direction, convention, help, basis, item_value) "
      "SELECT tag, unit, direction, convention, help, basis, item_value FROM source.metric_def "
      "WHERE true ON CONFLICT(tag, convention) DO UPDATE SET basis = excluded.basis, "
      "item_value = excluded.item_value WHERE excluded.basis <> ''");
  for (const OwnedTable& table : kMeasured) connection.run(copy_statement(table));
}

/// Likewise, of the documents that were copied.
void check_documents(Connection& connection, const std::filesystem::path& from) {
  Query rows = connection.query(
      "SELECT hash, body FROM main.blob_doc WHERE hash IN (SELECT cell_key FROM temp.wanted) OR "
      "hash IN (SELECT env_hash FROM main.process_run "
      "WHERE attempt_id IN (SELECT new_id FROM temp.moved))");
  rows.with();
  while (rows.next()) {
    if (sha256_hex(rows.text(1)) == rows.text(0)) continue;
    Connection::throw_damaged(from, "a document has another hash than the one it is kept under");
  }
}

/// Damage is not carried into another file.
void check_copies(Connection& connection, const std::filesystem::path& from) {
  std::vector<std::pair<std::int64_t, std::string>> copies;
  {
    Query rows = connection.query(
        "SELECT a.attempt_id, a.checksum FROM temp.moved m JOIN main.attempt a "
        "ON a.attempt_id = m.new_id WHERE a.checksum IS NOT NULL");
    rows.with();
    while (rows.next()) copies.emplace_back(rows.integer(0), rows.text(1));
  }
  Checksums checksums(connection);
  for (const auto& [attempt, checksum] : copies) {
    if (checksums.of_attempt(attempt) == checksum) continue;
    Connection::throw_damaged(from, "an attempt is not what was stored");
  }
  check_documents(connection, from);
}

/// Rows that the tables here refuse are none that the other database can have been given.
void copy_everything(Connection& connection, const std::filesystem::path& from,
                     const std::string& experiment, const std::string& as) {
  try {
    choose_cells(connection, experiment);
    copy_documents(connection, experiment);
    copy_attempts(connection, copy_plan(connection, experiment, as));
    copy_measurements(connection);
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode() & 0xff;
    const bool damage = code == SQLITE_CONSTRAINT || code == SQLITE_CORRUPT;
    if (damage && connection.is_whole()) Connection::throw_damaged(from, error.what());
    throw;
  }
  check_copies(connection, from);
}

void refuse_other_meanings(Connection& connection) {
  Query rows = connection.query(
      "SELECT o.tag FROM source.metric_def o JOIN main.metric_def n ON n.tag = o.tag "
      "AND n.convention = o.convention WHERE n.unit <> o.unit OR n.direction <> o.direction");
  rows.with();
  if (!rows.next()) return;
  throw UserError(
      fmt::format("{}: metric '{}' has another unit or direction here than in the results to "
                  "save; save them to another file",
                  connection.path().string(), rows.text(0)));
}

void remove_baseline(Connection& connection, const std::string& experiment) {
  for (const char* statement :
       {"DELETE FROM main.cell_attempt WHERE cell_id IN (SELECT c.cell_id FROM main.plan_cell c "
        "JOIN main.experiment e ON e.experiment_id = c.experiment_id WHERE e.name = ?)",
        "DELETE FROM main.plan_cell WHERE experiment_id IN "
        "(SELECT experiment_id FROM main.experiment WHERE name = ?)",
        "DELETE FROM main.experiment WHERE name = ?"}) {
    connection.query(statement).with(experiment).run();
  }
  connection.execute(
      "DELETE FROM main.attempt WHERE attempt_id NOT IN "
      "(SELECT attempt_id FROM main.cell_attempt)");
}

/// Detaches the source again, whatever happens.
class Attached {
 public:
  Attached(Connection& connection, const std::filesystem::path& path) : connection_(connection) {
    const ReadingPlace place(path);
    try {
      connection_.query("ATTACH ? AS source").with(place.address()).run();
      // Now, while the place is there: what is attached is opened when it is read.
      connection_.query("SELECT count(*) FROM source.store_meta").with().next();
    } catch (const SQLite::Exception& error) {
      Connection::throw_in_words(path, error.getErrorCode(), error.what());
    }
  }
  ~Attached() {
    try {
      connection_.execute("DETACH source");
    } catch (const std::exception&) {
      // The connection closes soon, and with it all that is attached.
    }
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  Connection& connection_;
};

}  // namespace

void Store::save_baseline(const std::filesystem::path& from, const std::string& experiment,
                          const std::string& name, const std::string& commit, bool replace) {
  Connection& connection = impl_->connection;
  const std::string as = name + "@" + commit;
  const std::vector<std::string> known = experiments();
  const bool there = std::find(known.begin(), known.end(), as) != known.end();
  if (there && !replace) {
    throw UserError(fmt::format("{}: baseline '{}' is there already; --replace overwrites it",
                                connection.path().string(), as));
  }
  const Attached source(connection, from);
  connection.transaction([&] {
    refuse_other_meanings(connection);
    if (there) remove_baseline(connection, as);
    copy_everything(connection, from, experiment, as);
    const Json entry = {
        {"name", name}, {"commit", commit}, {"experiment", experiment}, {"saved_utc", utc_now()}};
    connection.query("INSERT OR REPLACE INTO main.store_meta(key, value) VALUES (?, ?)")
        .with(kPrefix + as, entry.dump())
        .run();
  });
}

std::vector<Baseline> Store::baselines() const {
  return impl_->connection.reading([&] {
    Query rows = impl_->connection.query(
        "SELECT m.value FROM store_meta m JOIN current_experiment e ON m.key = 'baseline:' || "
        "e.name "
        "ORDER BY e.plan_order");
    rows.with();
    std::vector<Baseline> found;
    while (rows.next()) {
      const Json entry = rows.json(0);
      found.push_back(
          {entry.at("name"), entry.at("commit"), entry.at("experiment"), entry.at("saved_utc")});
    }
    return found;
  });
}

}  // namespace assay
