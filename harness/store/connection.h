#pragma once
// One SQLite connection with our settings, and errors in words. Internal to harness/store.

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/json.h"
#include "harness/store/place.h"

namespace assay {

/// The file is ours, and something in it is not as it was written.
class DamagedDatabase : public UserError {
 public:
  using UserError::UserError;
};

/// A prepared statement in use: binds in order, and gives the statement back when it goes away.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { statement_.tryReset(); }

  /// Binds all parameters, first to last. NaN and infinity throw std::invalid_argument: SQLite
  /// would store NaN as NULL without a word.
  template <typename... Values>
  Query& with(const Values&... values) {
    statement_.reset();
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }
  /// Likewise, of JSON: null, whole numbers, numbers and texts. Throws Json::type_error for others.
  Query& with_values(const std::vector<Json>& values);
  /// Steps to the next row; false after the last.
  bool next() { return statement_.executeStep(); }
  /// For statements without rows; returns how many rows changed.
  int run() { return statement_.exec(); }

  [[nodiscard]] std::string text(int column) const {
    return statement_.getColumn(column).getString();
  }
  /// A stored document, which is an object. Throws JsonError where it is damaged.
  [[nodiscard]] Json json(int column) const {
    Json document = parse_json(text(column));
    if (!document.is_object()) throw JsonError(0, "a stored document is no JSON object");
    return document;
  }
  [[nodiscard]] std::int64_t integer(int column) const {
    return statement_.getColumn(column).getInt64();
  }
  /// Of a column that is never NULL in a whole file (a value that became NaN reads as NULL).
  [[nodiscard]] double number(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    if (value.isNull()) throw SQLite::Exception("a number is missing", kCorrupt);
    return value.getDouble();
  }
  [[nodiscard]] SQLite::Column column(int column) const { return statement_.getColumn(column); }
  [[nodiscard]] std::optional<double> real(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    return value.isNull() ? std::nullopt : std::optional<double>(value.getDouble());
  }

 private:
  static constexpr int kCorrupt = 11;  ///< SQLITE_CORRUPT
  void bind(int index, double value) {
    if (!std::isfinite(value)) {
      throw std::invalid_argument("NaN and infinity cannot be stored: classify the attempt as NAN");
    }
    statement_.bind(index, value);
  }
  template <typename Value>
  void bind(int index, const std::optional<Value>& value) {
    if (value)
      bind(index, *value);
    else
      statement_.bind(index);
  }
  void bind(int index, std::int64_t value) { statement_.bind(index, value); }
  void bind(int index, int value) { statement_.bind(index, value); }
  void bind(int index, bool value) { statement_.bind(index, value ? 1 : 0); }
  void bind(int index, std::string_view value) { statement_.bind(index, std::string(value)); }
  void bind(int index, const std::string& value) { statement_.bind(index, value); }
  void bind(int index, const char* value) { statement_.bind(index, std::string(value)); }

  SQLite::Statement& statement_;
};

/// Rows of a statement by SQLite's own functions, for those who read millions of them: a column
/// costs what it holds and nothing more.
class Scan {
 public:
  Scan(sqlite3_stmt* statement, std::int64_t parameter) : statement_(statement) {
    sqlite3_reset(statement_);
    sqlite3_bind_int64(statement_, 1, parameter);
  }
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  ~Scan() { sqlite3_reset(statement_); }

  /// Steps to the next row; false after the last. Throws SQLite::Exception.
  bool next() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) throw SQLite::Exception(sqlite3_db_handle(statement_), code);
    return false;
  }
  /// SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_NULL, ...
  [[nodiscard]] int type(int column) const { return sqlite3_column_type(statement_, column); }
  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }
  /// Of a column that is never NULL in a whole file.
  [[nodiscard]] double number(int column) const {
    if (type(column) == SQLITE_NULL) throw SQLite::Exception("a number is missing", SQLITE_CORRUPT);
    return real(column);
  }
  /// Until the next step.
  [[nodiscard]] std::string_view bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return data == nullptr ? std::string_view()
                           : std::string_view(data, static_cast<std::size_t>(size));
  }

 private:
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  /// Opens (and for writing creates) the file. Errors as Store::open documents them.
  Connection(std::filesystem::path path, Mode mode);

  /// The same database in memory: what is done to it leaves the file as it is.
  [[nodiscard]] Connection copy_in_memory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// `sql` is prepared once a connection.
  Query query(const char* sql);
  /// Likewise, for many rows; `sql` has one parameter, a number.
  Scan scan(const char* sql, std::int64_t parameter);
  /// Runs statements without parameters or rows.
  void execute(const std::string& sql);
  /// Likewise, inside of guarded() or transaction(): throws SQLite::Exception.
  void run(const std::string& sql);
  [[nodiscard]] std::int64_t pragma(const std::string& name);

  /// Runs `work` in one BEGIN IMMEDIATE transaction; rolled back when it throws. Throws
  /// MachineError when the file was moved, removed or replaced since it was opened: rows that
  /// nobody would find are not written.
  template <typename Work>
  auto transaction(Work&& work) {
    if (file_ && !file_->in_place()) report_lost();
    if (read_only_) refuse_to_write();
    return guarded([&] {
      SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        transaction.commit();
      } else {
        auto result = work();
        transaction.commit();
        return result;
      }
    });
  }

  /// Turns SQLite's errors into ours, and those of documents in it that do not parse.
  template <typename Work>
  auto guarded(Work&& work) {
    try {
      return work();
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() == SQLITE_CONSTRAINT) report_constraint(error);
      throw_in_words(path_, error.getErrorCode(), error.what());
    } catch (const JsonError& error) {
      throw_damaged(path_, error.what());
    }
  }

  /// Likewise for what only reads: documents of another form than was written and words that nobody
  /// wrote are damage as well.
  template <typename Work>
  auto reading(Work&& work) {
    try {
      return guarded(work);
    } catch (const Json::exception& error) {
      throw_damaged(path_, error.what());
    } catch (const std::invalid_argument& error) {
      throw_damaged(path_, error.what());
    }
  }

  /// Throws UserError or MachineError with the remedy; std::logic_error for a broken constraint.
  [[noreturn]] static void throw_in_words(const std::filesystem::path& path, int code,
                                          const std::string& what);

  /// Whether the file's pages and references are as SQLite keeps them; reads all of it.
  [[nodiscard]] bool is_whole();
  /// Throws DamagedDatabase with the remedy.
  [[noreturn]] static void throw_damaged(const std::filesystem::path& path,
                                         const std::string& what);

 private:
  Connection(std::filesystem::path path, std::unique_ptr<SQLite::Database> database)
      : path_(std::move(path)), database_(std::move(database)) {}
  [[noreturn]] void refuse_to_write() const;
  /// Ours are kept by whoever writes, unless rows that they lean on are not as they were written:
  /// throws DamagedDatabase then, else std::logic_error.
  [[noreturn]] void report_constraint(const SQLite::Exception& error);
  /// Says where the rows so far are; saves a copy of a file that has no name any more.
  [[noreturn]] void report_lost();
  std::string rescued_copy();
  /// Brings all rows into the file itself, and leaves no log behind, which SQLite would take for
  /// the log of whatever file comes to that place next. False while another program reads.
  bool empty_log();

  std::filesystem::path path_;
  bool read_only_ = false;
  std::unique_ptr<PlacedFile> file_;  ///< of a database that is written to
  std::unique_ptr<SQLite::Database> database_;
  std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> scans_;
};

}  // namespace assay
