// Removing what nothing shows any more.

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <system_error>

#include "harness/base/text.h"
#include "harness/store/checksum.h"
#include "harness/store/columns.h"
#include "harness/store/maintenance.h"
#include "harness/store/migrations.h"
#include "harness/store/presence.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDoomedTables =
    "CREATE TEMP TABLE doomed_plan(experiment_id INTEGER PRIMARY KEY);"
    "CREATE TEMP TABLE doomed(attempt_id INTEGER PRIMARY KEY);";

/// Of the plans that stay: what speaks for a cell, its newest OK attempt, and the twins of both.
constexpr const char* kDoomUnneeded =
    "WITH cells AS MATERIALIZED (SELECT * FROM plan_cell WHERE experiment_id NOT IN "
    "(SELECT experiment_id FROM temp.doomed_plan)), "
    "chosen AS MATERIALIZED (SELECT c.cell_key, c.twin_key, h.attempt_id FROM cells c "
    "JOIN cell_choice h ON h.cell_id = c.cell_id), "
    "kept AS (SELECT attempt_id FROM chosen "
    "UNION SELECT (SELECT max(b.attempt_id) FROM attempt b WHERE b.cell_key = c.cell_key "
    "AND b.status = 'OK') FROM cells c "
    "UNION SELECT (SELECT max(b.attempt_id) FROM attempt b WHERE b.cell_key = c.twin_key "
    "AND b.status = 'OK') FROM cells c "
    "UNION SELECT (SELECT max(b.attempt_id) FROM attempt b WHERE b.cell_key = c.twin_key "
    "AND b.status = 'OK' AND b.session_uuid = a.session_uuid) FROM chosen c "
    "JOIN attempt a ON a.attempt_id = c.attempt_id "
    "UNION SELECT attempt_id FROM attempt WHERE status IN ('QUEUED', 'RUNNING') "
    "OR (status = 'OK' AND ?1)) "
    "INSERT INTO temp.doomed SELECT attempt_id FROM attempt WHERE attempt_id NOT IN "
    "(SELECT attempt_id FROM kept WHERE attempt_id IS NOT NULL)";

constexpr const char* kDoomOlderPlans =
    "INSERT INTO temp.doomed_plan SELECT experiment_id FROM experiment WHERE experiment_id NOT IN "
    "(SELECT experiment_id FROM current_experiment) AND NOT EXISTS (SELECT 1 FROM plan_cell c "
    "JOIN cell_attempt l ON l.cell_id = c.cell_id JOIN attempt a ON a.attempt_id = l.attempt_id "
    "WHERE c.experiment_id = experiment.experiment_id AND a.status IN ('QUEUED', 'RUNNING'))";

void doom_experiment(Connection& connection, const std::string& name,
                     const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    throw UserError(fmt::format("{}: {}", connection.path().string(),
                                unknown_name_message("experiment", name, known)));
  }
  Query baseline = connection.query("SELECT 1 FROM store_meta WHERE key = 'baseline:' || ?");
  baseline.with(name);
  if (baseline.next()) {
    throw UserError(fmt::format("{}: '{}' is a saved baseline, which prune never removes",
                                connection.path().string(), name));
  }
  connection
      .query("INSERT INTO temp.doomed_plan SELECT experiment_id FROM experiment WHERE name = ?")
      .with(name)
      .run();
  Query running = connection.query(
      "SELECT count(*) FROM temp.doomed_plan d JOIN plan_cell c USING (experiment_id) "
      "JOIN cell_attempt l USING (cell_id) JOIN attempt a USING (attempt_id) "
      "WHERE a.status IN ('QUEUED', 'RUNNING')");
  running.with();
  if (running.next() && running.integer(0) > 0) {
    throw UserError(fmt::format("{}: a run is at '{}'; wait for it or stop it",
                                connection.path().string(), name));
  }
  // What other plans or baselines count as theirs stays.
  connection.execute(
      "INSERT INTO temp.doomed SELECT attempt_id FROM attempt WHERE attempt_id NOT IN "
      "(SELECT l.attempt_id FROM cell_attempt l JOIN plan_cell c ON c.cell_id = l.cell_id "
      "WHERE c.experiment_id NOT IN (SELECT experiment_id FROM temp.doomed_plan))");
}

void doom_damaged(Connection& connection) {
  Checksums checksums(connection);
  std::vector<std::int64_t> damaged;
  {
    Query rows = connection.query(
        "SELECT attempt_id, checksum, attempt_id IN (SELECT attempt_id FROM cell_attempt) "
        "FROM attempt WHERE status NOT IN ('QUEUED', 'RUNNING')");
    rows.with();
    while (rows.next()) {
      const bool held =
          rows.column(1).isNull() || checksums.of_attempt(rows.integer(0)) == rows.text(1);
      if (!held || rows.integer(2) == 0) damaged.push_back(rows.integer(0));
    }
  }
  for (const std::int64_t attempt : damaged) {
    connection.query("INSERT INTO temp.doomed VALUES (?)").with(attempt).run();
  }
}

void choose(Connection& connection, const PruneChoice& choice,
            const std::vector<std::string>& experiments) {
  if (choice.damaged) {
    doom_damaged(connection);
  } else if (!choice.experiment.empty()) {
    doom_experiment(connection, choice.experiment, experiments);
  } else {
    if (!choice.keep_history) connection.execute(kDoomOlderPlans);
    connection.query(kDoomUnneeded).with(choice.keep_history).run();
  }
}

std::vector<std::string> lines_of(Connection& connection, const char* sql) {
  Query rows = connection.query(sql);
  rows.with();
  std::vector<std::string> lines;
  while (rows.next()) lines.push_back(rows.text(0));
  return lines;
}

void describe(Connection& connection, Pruned& pruned) {
  pruned.plans =
      lines_of(connection,
               "SELECT name || ' of ' || created_utc FROM experiment WHERE experiment_id "
               "IN (SELECT experiment_id FROM temp.doomed_plan) ORDER BY experiment_id");
  pruned.attempts = lines_of(
      connection,
      "SELECT coalesce((SELECT c.method || ' / ' || c.suite_id || ' / ' || c.model_name "
      "FROM plan_cell c WHERE c.cell_key = a.cell_key LIMIT 1), 'no cell') || ': ' || a.status || "
      "' of ' || a.started_utc FROM attempt a WHERE attempt_id IN (SELECT attempt_id "
      "FROM temp.doomed) ORDER BY attempt_id");
}

/// Every table by itself, without SQLite's references: for each row it would look through all rows
/// that might refer to it.
void remove_doomed(Connection& connection) {
  for (const OwnedTable& table : kMeasured) {
    connection.execute(fmt::format(
        "DELETE FROM {} WHERE attempt_id IN (SELECT attempt_id FROM temp.doomed)", table.name));
  }
  connection.execute(
      "DELETE FROM cell_attempt WHERE attempt_id IN (SELECT attempt_id FROM temp.doomed) OR "
      "cell_id "
      "IN (SELECT cell_id FROM plan_cell WHERE experiment_id IN "
      "(SELECT experiment_id FROM temp.doomed_plan));"
      "DELETE FROM attempt WHERE attempt_id IN (SELECT attempt_id FROM temp.doomed);"
      "DELETE FROM plan_cell WHERE experiment_id IN (SELECT experiment_id FROM temp.doomed_plan);"
      "DELETE FROM experiment WHERE experiment_id IN (SELECT experiment_id FROM "
      "temp.doomed_plan);");
}

void remove_unreferenced(Connection& connection, Pruned& pruned) {
  pruned.documents =
      connection
          .query(
              "DELETE FROM blob_doc WHERE hash NOT IN (SELECT config_hash FROM "
              "experiment UNION SELECT cell_key FROM plan_cell UNION SELECT cell_key "
              "FROM attempt UNION SELECT env_hash FROM process_run "
              "WHERE env_hash IS NOT NULL)")
          .with()
          .run();
  pruned.machines = connection
                        .query(
                            "DELETE FROM machine WHERE machine_id NOT IN (SELECT machine FROM "
                            "attempt WHERE machine IS NOT NULL)")
                        .with()
                        .run();
}

/// What a program that was killed while it kept a copy left: DATABASE.vN.bak.XXXXXXXX.
std::vector<fs::path> abandoned_copies(const fs::path& database) {
  std::vector<fs::path> found;
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(database, ignored);
  const std::string name = real.filename().string();
  static const std::regex kTail(R"(\.v[0-9]{1,4}\.bak\.[0-9a-f]{8})");
  for (const fs::directory_entry& entry : fs::directory_iterator(real.parent_path(), ignored)) {
    const std::string file = entry.path().filename().string();
    if (file.size() > name.size() && file.starts_with(name) &&
        std::regex_match(file.substr(name.size()), kTail)) {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Ends the transaction of a dry run.
struct NothingDone {};

/// A dry run is one on a copy in memory.
Connection open_for_pruning(const fs::path& path, bool dry_run) {
  if (!dry_run) return Connection(path, Connection::Mode::kReadWrite);
  Connection copy = Connection(path, Connection::Mode::kReadOnly).copy_in_memory();
  migrate(copy, embedded_migrations(), Copy::kNone);
  return copy;
}

}  // namespace

Pruned prune_database(const fs::path& path, const PruneChoice& choice) {
  { Connection there(path, Connection::Mode::kReadOnly); }  // nothing is made
  if (!choice.dry_run) {
    Store store = Store::open(path);
    store.close_stale_attempts();
  }
  Pruned pruned;
  const std::vector<std::string> known = Store::open_read_only(path).experiments();
  Connection connection = open_for_pruning(path, choice.dry_run);
  connection.execute("PRAGMA foreign_keys = OFF");
  connection.execute(kDoomedTables);
  try {
    connection.transaction([&] {
      choose(connection, choice, known);
      describe(connection, pruned);
      remove_doomed(connection);
      remove_unreferenced(connection, pruned);
      if (choice.dry_run) throw NothingDone();
    });
  } catch (const NothingDone&) {
    // Rolled back.
  }
  for (const fs::path& file : abandoned_copies(path)) {
    pruned.files.push_back(file.string());
    std::error_code ignored;
    if (!choice.dry_run) fs::remove(file, ignored);
  }
  return pruned;
}

}  // namespace assay
