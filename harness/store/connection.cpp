#include "harness/store/connection.h"

#include <SQLiteCpp/Backup.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/store/reading_place.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kBusyTimeoutMs = 5000;

// A connection belongs to one thread at a time, so that it needs no lock a value.
std::unique_ptr<SQLite::Database> open_for_writing(const fs::path& path) {
  // Names that begin with "file:" were refused, so that OPEN_URI concerns what is attached alone.
  return std::make_unique<SQLite::Database>(
      path.string(),
      SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_URI | SQLite::OPEN_NOMUTEX,
      kBusyTimeoutMs);
}

std::unique_ptr<SQLite::Database> open_for_reading(const std::string& address) {
  return std::make_unique<SQLite::Database>(
      address, SQLite::OPEN_READONLY | SQLite::OPEN_URI | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
}

void check_place(const fs::path& path, Connection::Mode mode) {
  check_database_place(path);
  std::error_code ignored;
  if (mode == Connection::Mode::kReadOnly && !fs::exists(path, ignored)) {
    throw UserError(fmt::format("{}: no such database; `assay run FILE --db {}` makes one",
                                path.string(), path.string()));
  }
}

/// Beside the database, else where temporary files go; the first place that takes a file.
std::vector<fs::path> rescue_places(const fs::path& database) {
  const std::string name =
      fmt::format("{}.rescued-{}", database.filename().string(), new_uuid().substr(0, 8));
  return {database.parent_path() / name, fs::temp_directory_path() / name};
}

/// Our statements fit the schema of a whole file: where they do not, the file is none.
bool speaks_of_schema(const std::string& what) {
  return what.starts_with("no such ") || what.starts_with("duplicate column") ||
         what.ends_with(" already exists") || what.starts_with("malformed database schema") ||
         what.starts_with("foreign key mismatch");
}

}  // namespace

Query& Query::with_values(const std::vector<Json>& values) {
  statement_.reset();
  int index = 0;
  for (const Json& value : values) {
    ++index;
    if (value.is_null()) {
      statement_.bind(index);
    } else if (value.is_number_integer()) {
      bind(index, value.get<std::int64_t>());
    } else if (value.is_number()) {
      bind(index, value.get<double>());
    } else {
      bind(index, value.get<std::string>());
    }
  }
  return *this;
}

Connection::Connection(fs::path path, Mode mode)
    : path_(std::move(path)), read_only_(mode == Mode::kReadOnly) {
  check_place(path_, mode);
  std::optional<ReadingPlace> place;
  if (mode == Mode::kReadOnly) place.emplace(path_);
  guarded([&] {
    database_ = place ? open_for_reading(place->address()) : open_for_writing(path_);
    database_->exec("PRAGMA foreign_keys = ON");
    // The first real read: finds out whether the file is a database.
    database_->exec("PRAGMA schema_version");
  });
  if (mode == Mode::kReadWrite) file_ = std::make_unique<PlacedFile>(path_);
}

void Connection::refuse_to_write() const {
  throw_in_words(path_, SQLITE_READONLY, "it was opened for reading");
}

std::string Connection::rescued_copy() {
  for (const fs::path& place : rescue_places(path_)) {
    try {
      SQLite::Statement copy(*database_, "VACUUM INTO ?");
      copy.bind(1, place.string());
      copy.exec();
      return place.string();
    } catch (const SQLite::Exception&) {
      continue;
    }
  }
  return "";
}

bool Connection::empty_log() {
  try {
    SQLite::Statement checkpoint(*database_, "PRAGMA wal_checkpoint(TRUNCATE)");
    return checkpoint.executeStep() && checkpoint.getColumn(0).getInt() == 0;
  } catch (const SQLite::Exception&) {
    return false;
  }
}

void Connection::report_lost() {
  const std::string name = file_->present_name();
  if (!name.empty() && empty_log()) {
    throw MachineError(
        fmt::format("{}: the database was moved to {} while it was in use; what was measured so "
                    "far is there. Move it back, or name it with --db, and run again",
                    path_.string(), name));
  }
  const std::string copy = rescued_copy();
  (void)empty_log();
  if (copy.empty()) {
    throw MachineError(
        fmt::format("{}: the database was removed or replaced while it was in use, and what was "
                    "measured so far could not be saved",
                    path_.string()));
  }
  throw MachineError(
      fmt::format("{}: the database was removed or replaced while it was in use; what was measured "
                  "so far is saved in {}. Give that file the name of the database, or name it with "
                  "--db, and run again",
                  path_.string(), copy));
}

Connection Connection::copy_in_memory() {
  return guarded([&] {
    auto copy = std::make_unique<SQLite::Database>(":memory:",
                                                   SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    const int code = SQLite::Backup(*copy, *database_).executeStep(-1);
    if (code != SQLITE_DONE) throw_in_words(path_, code, "copying into memory");
    return Connection(path_, std::move(copy));
  });
}

Query Connection::query(const char* sql) {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(*database_, sql);
  return Query(*statement);
}

Scan Connection::scan(const char* sql, std::int64_t parameter) {
  auto& statement = scans_[sql];
  if (!statement) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v3(database_->getHandle(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                        &made, nullptr);
    if (code != SQLITE_OK) throw SQLite::Exception(database_->getHandle(), code);
    statement.reset(made);
  }
  return {statement.get(), parameter};
}

void Connection::execute(const std::string& sql) {
  guarded([&] { database_->exec(sql); });
}

void Connection::run(const std::string& sql) { database_->exec(sql); }

std::int64_t Connection::pragma(const std::string& name) {
  return guarded([&] { return database_->execAndGet("PRAGMA " + name).getInt64(); });
}

bool Connection::is_whole() {
  try {
    SQLite::Statement pages(*database_, "PRAGMA main.integrity_check(1)");
    SQLite::Statement references(*database_, "PRAGMA main.foreign_key_check");
    return pages.executeStep() && pages.getColumn(0).getString() == "ok" &&
           !references.executeStep();
  } catch (const SQLite::Exception&) {
    return false;
  }
}

void Connection::report_constraint(const SQLite::Exception& error) {
  if (!is_whole()) throw_damaged(path_, error.what());
  throw_in_words(path_, error.getErrorCode(), error.what());
}

void Connection::throw_damaged(const fs::path& path, const std::string& what) {
  throw DamagedDatabase(
      fmt::format("{}: the database is damaged ({}); `assay db check {}` says where. Restore a "
                  "copy, or save what is left with `sqlite3 {} .recover`",
                  path.string(), what, path.string(), path.string()));
}

void Connection::throw_in_words(const fs::path& path, int code, const std::string& what) {
  const std::string file = path.string();
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      throw UserError(fmt::format(
          "{}: is not a SQLite database; choose another name with --db, or move the file away",
          file));
    case SQLITE_CORRUPT:
      throw_damaged(path, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw MachineError(
          fmt::format("{}: is locked by another program since more than {} s; wait "
                      "for it or stop it (`fuser {}` names it)",
                      file, kBusyTimeoutMs / 1000, file));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw MachineError(fmt::format(
          "{}: cannot be opened for this ({}); the file and its folder must be writable: change "
          "their permissions or choose another place with --db",
          file, what));
    case SQLITE_FULL:
      throw MachineError(fmt::format(
          "{}: the disk is full; free some space and run again, what was finished is kept", file));
    case SQLITE_IOERR:
      throw MachineError(fmt::format(
          "{}: reading or writing failed ({}); check the disk and its quota", file, what));
    case SQLITE_ERROR:
      if (speaks_of_schema(what)) {
        throw DamagedDatabase(fmt::format(
            "{}: does not hold what a database of its version holds ({}); it is damaged "
            "or another program changed it: restore a copy",
            file, what));
      }
      [[fallthrough]];
    default:
      throw std::logic_error(fmt::format("{}: {} (SQLite error {})", file, what, code));
  }
}

}  // namespace assay
