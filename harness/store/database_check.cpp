#include "harness/store/database_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <utility>

#include "harness/base/hashing.h"
#include "harness/store/checksum.h"
#include "harness/store/connection.h"
#include "harness/store/migrations.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

constexpr std::size_t kMostOfAKind = 100;  // as many as SQLite's own check says

class Examination {
 public:
  Examination(Connection& connection, DatabaseCheck& check)
      : connection_(connection), check_(check), file_(connection.path().string()) {}

  /// Rows of `sql`: table, row, what is wrong.
  void add_rows(const char* sql, const std::string& remedy) {
    Query rows = connection_.query(sql);
    rows.with();
    for (std::size_t i = 0; i < kMostOfAKind && rows.next(); ++i) {
      add(rows.text(0), rows.text(1), rows.text(2), remedy);
    }
  }
  void add(const std::string& table, const std::string& row, const std::string& found,
           const std::string& remedy) {
    check_.findings.push_back({table, row, found, remedy});
  }
  /// What cannot be read is damaged; the other parts are looked at all the same.
  void part(const std::function<void()>& look) {
    try {
      connection_.reading(look);
    } catch (const DamagedDatabase& error) {
      add_once(error.what());
    } catch (const std::logic_error& error) {
      add_once(error.what());  // statements that fit every whole file do not fit this one
    }
  }
  [[nodiscard]] std::string restore() const {
    return fmt::format("restore a copy, or save what is left with `sqlite3 {} .recover`", file_);
  }
  [[nodiscard]] std::string measure_again() const {
    return fmt::format(
        "`assay db prune {} --damaged` removes what is damaged, and the next run measures it "
        "again; "
        "or restore a copy",
        file_);
  }

 private:
  void add_once(const std::string& what) {
    for (const Damage& finding : check_.findings) {
      if (finding.found == what) return;
    }
    add("", file_, what, restore());
  }

  Connection& connection_;
  DatabaseCheck& check_;
  std::string file_;
};

void check_pages(Connection& connection, Examination& found) {
  found.part([&] {
    Query rows = connection.query("PRAGMA integrity_check");
    rows.with();
    while (rows.next()) {
      if (rows.text(0) != "ok") found.add("", "pages", rows.text(0), found.restore());
    }
  });
  found.part([&] {
    found.add_rows(
        "SELECT \"table\", 'row ' || coalesce(rowid, '?'), 'refers to a row of ' || parent || "
        "' that is not there' FROM pragma_foreign_key_check",
        found.restore());
  });
}

void check_documents(Connection& connection, Examination& found) {
  Query rows = connection.query("SELECT hash, kind, body FROM blob_doc");
  rows.with();
  while (rows.next()) {
    if (sha256_hex(rows.text(2)) == rows.text(0)) continue;
    const bool parses = Json::accept(rows.text(2));
    found.add("blob_doc", fmt::format("{} {}", rows.text(1), rows.text(0)),
              parses ? "the document has another hash than the one it is kept under"
                     : "the document is not valid JSON",
              found.restore());
  }
}

void check_json(Examination& found) {
  found.add_rows(
      "SELECT 'plan_cell', 'cell ' || cell_id, 'its parameters are not valid JSON' FROM plan_cell "
      "WHERE NOT json_valid(params) OR NOT json_valid(suite_params) "
      "UNION ALL SELECT 'machine_check', 'check ' || check_id, 'is not valid JSON' "
      "FROM machine_check WHERE NOT json_valid(body) "
      "UNION ALL SELECT 'store_meta', key, 'is not valid JSON' FROM store_meta "
      "WHERE key LIKE 'baseline:%' AND NOT json_valid(value) "
      "UNION ALL SELECT 'per_item', 'item ' || item_no || ' of attempt ' || attempt_id, "
      "'its values are not valid JSON' FROM per_item WHERE NOT json_valid(extra)",
      found.restore());
}

void check_links(Examination& found) {
  found.add_rows(
      "SELECT 'cell_attempt', 'attempt ' || l.attempt_id || ' of cell ' || l.cell_id, "
      "'the attempt was made for another cell' FROM cell_attempt l "
      "JOIN attempt a ON a.attempt_id = l.attempt_id JOIN plan_cell c ON c.cell_id = l.cell_id "
      "WHERE a.cell_key <> c.cell_key",
      found.restore());
  found.add_rows(
      "SELECT 'attempt', 'attempt ' || attempt_id, 'has no cell in any plan' FROM attempt "
      "WHERE attempt_id NOT IN (SELECT attempt_id FROM cell_attempt)",
      found.measure_again());
}

void check_plans(Connection& connection, Examination& found) {
  Checksums checksums(connection);
  Query rows = connection.query(
      "SELECT experiment_id, name, checksum FROM experiment "
      "WHERE checksum IS NOT NULL");
  rows.with();
  while (rows.next()) {
    if (checksums.of_plan(rows.integer(0)) == rows.text(2)) continue;
    found.add("plan_cell", fmt::format("experiment {} ({})", rows.integer(0), rows.text(1)),
              "the plan or one of its cells is not what was stored: the checksum differs",
              fmt::format("run the experiment's file again, which stores its plan anew; or {}",
                          found.restore()));
  }
}

void check_attempts(Connection& connection, DatabaseCheck& check, Examination& found) {
  Checksums checksums(connection);
  Query rows = connection.query(
      "SELECT a.attempt_id, a.status, a.checksum IS NULL, a.checksum, coalesce((SELECT c.method || "
      "' / ' || c.suite_id || ' / ' || c.model_name FROM cell_attempt l JOIN plan_cell c "
      "ON c.cell_id = l.cell_id WHERE l.attempt_id = a.attempt_id LIMIT 1), 'no cell') "
      "FROM attempt a WHERE a.status NOT IN ('QUEUED', 'RUNNING') ORDER BY a.attempt_id");
  rows.with();
  while (rows.next()) {
    ++check.attempts;
    if (rows.integer(2) != 0) {
      ++check.without;
      continue;
    }
    if (checksums.of_attempt(rows.integer(0)) == rows.text(3)) {
      ++check.held;
      continue;
    }
    found.add("attempt",
              fmt::format("attempt {} ({}, {})", rows.integer(0), rows.text(4), rows.text(1)),
              "it, or something that was measured in it, is not what was stored: the checksum "
              "differs",
              found.measure_again());
  }
}

void check_content(Connection& connection, DatabaseCheck& check, Examination& found) {
  found.part([&] { check_documents(connection, found); });
  found.part([&] { check_json(found); });
  found.part([&] { check_links(found); });
  found.part([&] { check_plans(connection, found); });
  found.part([&] { check_attempts(connection, check, found); });
}

/// How many of the rows (id, checksum) have another checksum now; the first of them in words.
template <typename Now>
std::int64_t count_changed(Query& rows, Now now, std::string& first) {
  std::int64_t changed = 0;
  while (rows.next()) {
    if (now(rows.integer(0)) == rows.text(1)) continue;
    if (++changed == 1 && first.empty()) first = rows.text(2);
  }
  return changed;
}

std::int64_t count_changed_in(Connection& connection, const std::string& experiment,
                              std::string& first) {
  Checksums checksums(connection);
  Query plans = connection.query(
      "SELECT experiment_id, checksum, 'the plan of ' || name FROM current_experiment "
      "WHERE checksum IS NOT NULL AND (?1 = '' OR name = ?1)");
  plans.with(experiment);
  const std::int64_t of_plans = count_changed(
      plans, [&](std::int64_t id) { return checksums.of_plan(id); }, first);
  Query attempts = connection.query(
      "WITH cells AS (SELECT c.cell_id, c.twin_key FROM current_experiment e JOIN plan_cell c "
      "ON c.experiment_id = e.experiment_id WHERE ?1 = '' OR e.name = ?1) "
      "SELECT attempt_id, checksum, 'attempt ' || attempt_id FROM attempt "
      "WHERE checksum IS NOT NULL AND attempt_id IN (SELECT l.attempt_id FROM cells "
      "JOIN cell_attempt l USING (cell_id) UNION SELECT (SELECT max(b.attempt_id) FROM attempt b "
      "WHERE b.cell_key = k.twin_key AND b.status = 'OK') FROM (SELECT DISTINCT twin_key FROM "
      "cells "
      "WHERE twin_key IS NOT NULL) k) ORDER BY attempt_id");
  attempts.with(experiment);
  return of_plans + count_changed(
                        attempts, [&](std::int64_t id) { return checksums.of_attempt(id); }, first);
}

}  // namespace

void require_whole(const std::filesystem::path& path, const std::string& experiment) {
  Connection connection(path, Connection::Mode::kReadOnly);
  const int newest = embedded_migrations().back().version;
  if (checked_schema_version(connection, newest) != newest) return;  // older: no checksums
  connection.execute("BEGIN");
  std::string first;
  const std::int64_t changed =
      connection.reading([&] { return count_changed_in(connection, experiment, first); });
  if (changed == 0) return;
  throw DamagedDatabase(fmt::format(
      "{0}: {1} stored result(s) are not what was measured ({2}): the file was damaged or changed "
      "by another program. `assay db check {0}` says which, `assay db prune {0} --damaged` removes "
      "damaged attempts so that the next run measures them again",
      path.string(), changed, first));
}

DatabaseCheck check_database(const std::filesystem::path& path) {
  DatabaseCheck check;
  const auto migrations = embedded_migrations();
  check.newest = migrations.back().version;
  try {
    Connection connection(path, Connection::Mode::kReadOnly);
    check.version = checked_schema_version(connection, check.newest);
    if (check.version == 0) {
      throw UserError(fmt::format("{}: is empty, and no results database", path.string()));
    }
    connection.execute("BEGIN");
    Examination found(connection, check);
    check_pages(connection, found);
    if (check.version == check.newest) {
      check_content(connection, check, found);
    } else {
      Connection copy = connection.copy_in_memory();
      migrate(copy, migrations, Copy::kNone);
      Examination of_copy(copy, check);
      check_content(copy, check, of_copy);
    }
  } catch (const DamagedDatabase& error) {
    check.findings.push_back({"", path.string(), error.what(), "restore a copy"});
  }
  return check;
}

}  // namespace assay
