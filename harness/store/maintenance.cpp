#include "harness/store/maintenance.h"

#include <fmt/format.h>

#include "harness/store/connection.h"
#include "harness/store/migrations.h"
#include "harness/store/store.h"

namespace assay {
namespace {

/// Of a file that is there and ours; nothing is made.
int version_of(const std::filesystem::path& path) {
  Connection connection(path, Connection::Mode::kReadOnly);
  const int version = checked_schema_version(connection, embedded_migrations().back().version);
  if (version > 0) return version;
  throw UserError(
      fmt::format("{}: is empty; `assay run FILE --db {}` fills it", path.string(), path.string()));
}

std::int64_t size_of(Connection& connection) {
  return connection.pragma("page_count") * connection.pragma("page_size");
}

}  // namespace

MigrationDone migrate_database(const std::filesystem::path& path) {
  MigrationDone done;
  done.from = version_of(path);
  done.to = embedded_migrations().back().version;
  if (done.from == done.to) return done;
  { const Store migrated = Store::open(path); }
  done.backup = backup_of(path, done.from);
  return done;
}

VacuumDone vacuum_database(const std::filesystem::path& path) {
  (void)version_of(path);
  Connection connection(path, Connection::Mode::kReadWrite);
  VacuumDone done;
  done.bytes_before = size_of(connection);
  connection.execute("VACUUM");
  connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  done.bytes_after = size_of(connection);
  return done;
}

}  // namespace assay
