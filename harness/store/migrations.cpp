#include "harness/store/migrations.h"

#include <fmt/format.h>

#include <random>

#include "harness/base/errors.h"
#include "harness/store/connection.h"

namespace assay {
namespace {

struct Header {
  std::int64_t application;
  int version;
  bool empty;
};

// In one read transaction: another program may be making the file at this moment.
Header read_header(Connection& connection) {
  connection.execute("BEGIN");
  const Header header{connection.pragma("application_id"),
                      static_cast<int>(connection.pragma("user_version")),
                      connection.pragma("schema_version") == 0};
  connection.execute("COMMIT");
  return header;
}

/// Other programs may migrate the same file at this moment: each writes a copy of its own, and only
/// one that is still of the old version gets the name.
void keep_a_copy(Connection& connection, int version) {
  const std::filesystem::path copy = backup_of(connection.path(), version);
  if (std::filesystem::exists(copy)) return;  // another program made it, or an earlier try
  const std::filesystem::path mine =
      fmt::format("{}.{:08x}", copy.string(), std::random_device()());
  connection.guarded([&] { connection.query("VACUUM INTO ?").with(mine.string()).run(); });
  const bool old = connection.guarded([&] {
    SQLite::Database made(mine.string());
    return made.execAndGet("PRAGMA user_version").getInt() == version;
  });
  if (old) {
    std::filesystem::rename(mine, copy);
  } else {
    std::filesystem::remove(mine);
  }
}

/// Inside of a transaction.
void apply(Connection& connection, const Migration& migration) {
  if (connection.pragma("user_version") >= migration.version) return;
  connection.execute(std::string(migration.sql));
  connection.execute(fmt::format("PRAGMA user_version = {}", migration.version));
  connection.execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
}

/// A new file is made in one go, so that nobody else takes it for one of an older version; an older
/// one goes up a version at a time.
void apply_all(Connection& connection, std::span<const Migration> migrations, bool fresh) {
  const std::size_t at_once = fresh ? migrations.size() : 1;
  for (std::size_t from = 0; from < migrations.size(); from += at_once) {
    connection.transaction([&] {
      for (const Migration& migration : migrations.subspan(from, at_once)) {
        apply(connection, migration);
      }
    });
  }
}

}  // namespace

std::filesystem::path backup_of(const std::filesystem::path& database, int version) {
  return fmt::format("{}.v{}.bak", database.string(), version);
}

int checked_schema_version(Connection& connection, int newest_known) {
  const std::string file = connection.path().string();
  const auto [application, version, empty] = read_header(connection);
  if (empty && application == 0) return 0;
  if (application != kApplicationId) {
    throw UserError(fmt::format(
        "{}: is a database of another program (application_id {}, ours is {}); choose another name "
        "with --db",
        file, application, kApplicationId));
  }
  if (version > newest_known) {
    throw UserError(
        fmt::format("{}: has schema version {}, this assay knows up to {}: written by a newer "
                    "assay; update assay or choose another name with --db",
                    file, version, newest_known));
  }
  return version;
}

void migrate(Connection& connection, std::span<const Migration> migrations, Copy copy) {
  const int newest = migrations.back().version;
  const int found = checked_schema_version(connection, newest);
  if (found == newest) return;
  if (found > 0 && copy == Copy::kKeep) keep_a_copy(connection, found);
  apply_all(connection, migrations, found == 0);
  checked_schema_version(connection, newest);
}

}  // namespace assay
