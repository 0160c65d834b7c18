// Opening: files that are not ours, newer, locked, read-only; migrations.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <thread>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/store/connection.h"
#include "harness/store/migrations.h"
#include "harness/store/records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

template <typename Error, typename Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

class OpenTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string name() const { return file_.string(); }
  std::string open_error() {
    return message_of<UserError>([&] { (void)Store::open(file_); });
  }
  void run_sql(const std::string& sql) {
    SQLite::Database database(name(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(sql);
  }
  std::int64_t pragma(const std::string& what) {
    return SQLite::Database(name()).execAndGet("PRAGMA " + what).getInt64();
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "r.db";
};

TEST_F(OpenTest, ANewFileIsMarkedAsOurs) {
  (void)Store::open(file_);
  EXPECT_EQ(pragma("application_id"), 1095975257);
  EXPECT_EQ(pragma("user_version"), embedded_migrations().back().version);
  EXPECT_EQ(SQLite::Database(name()).execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(SQLite::Database(name()).execAndGet("PRAGMA integrity_check").getString(), "ok");
}

TEST_F(OpenTest, TheSchemaRefusesWrongTypes) {
  (void)Store::open(file_);
  EXPECT_THROW(run_sql("INSERT INTO store_meta(key, value) VALUES ('a', NULL)"), SQLite::Exception);
  EXPECT_THROW(run_sql("INSERT INTO metric_def(tag, unit, direction, help) "
                       "VALUES ('t', '', 'up', '')"),
               SQLite::Exception);
}

TEST_F(OpenTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text = "This is a letter, and much longer than the header of a database is.\n";
  std::ofstream(file_) << text << text;
  EXPECT_THAT(open_error(), HasSubstr(name() + ": is not a SQLite database"));
  EXPECT_EQ(fs::file_size(file_), 2 * text.size());
}

TEST_F(OpenTest, ADatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
  run_sql("CREATE TABLE notes(text TEXT)");
  EXPECT_THAT(open_error(), HasSubstr("is a database of another program (application_id 0, ours "
                                      "is 1095975257)"));
  run_sql("PRAGMA application_id = 77");
  EXPECT_THAT(open_error(), HasSubstr("(application_id 77, ours is 1095975257)"));
  EXPECT_EQ(SQLite::Database(name()).execAndGet("PRAGMA journal_mode").getString(), "delete");
  EXPECT_EQ(SQLite::Database(name()).execAndGet("SELECT count(*) FROM sqlite_master").getInt(), 1);
}

TEST_F(OpenTest, AFileOfANewerAssayIsRefusedWithBothNumbers) {
  (void)Store::open(file_);
  run_sql("PRAGMA user_version = 99");
  const std::string known = std::to_string(embedded_migrations().back().version);
  EXPECT_THAT(open_error(), HasSubstr("has schema version 99, this assay knows up to " + known +
                                      ": written by a newer assay"));
  EXPECT_THAT(message_of<UserError>([&] { (void)Store::open_read_only(file_); }),
              HasSubstr("written by a newer assay"));
}

TEST_F(OpenTest, PlacesThatCannotWorkAreNamed) {
  EXPECT_THAT(message_of<UserError>([&] { (void)Store::open(folder_.path()); }),
              HasSubstr("is a folder"));
  EXPECT_THAT(message_of<UserError>([&] { (void)Store::open(folder_.path() / "no" / "r.db"); }),
              HasSubstr("does not exist"));
  EXPECT_THAT(message_of<UserError>([&] { (void)Store::open_read_only(file_); }),
              HasSubstr("no such database"));
  EXPECT_FALSE(fs::exists(file_));
  // No program can make a file there, root neither.
  EXPECT_THAT(message_of<MachineError>([] { (void)Store::open("/proc/r.db"); }),
              HasSubstr("must be writable"));
}

TEST_F(OpenTest, ALockedFileIsAnErrorOfTheMachine) {
  (void)Store::open(file_);
  SQLite::Database other(name(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN EXCLUSIVE");
  Store reader = Store::open_read_only(file_);
  EXPECT_TRUE(reader.experiments().empty());  // readers do not wait for writers
  EXPECT_THAT(message_of<MachineError>([&] { (void)Store::open(file_); }),
              HasSubstr(name() + ": is locked by another program"));
}

TEST_F(OpenTest, ReadOnlyMeansReadOnly) {
  (void)Store::open(file_);
  Store store = Store::open_read_only(file_);
  EXPECT_THROW(store.set_fingerprint("s", {{1.0}}), MachineError);
}

TEST_F(OpenTest, AnOlderFileIsReadAsACopyAndStaysAsItIs) {
  const auto all = embedded_migrations();
  {
    Connection connection(file_, Connection::Mode::kReadWrite);
    migrate(connection, all.first(1));
    connection.execute("INSERT INTO blob_doc(hash, kind, body) VALUES ('h', 'config', '{}')");
  }
  const std::string before = read_text_file(file_);
  Store store = Store::open_read_only(file_);
  EXPECT_TRUE(store.experiments().empty());
  EXPECT_THROW(store.set_fingerprint("s", {{1.0}}), MachineError);
  EXPECT_EQ(read_text_file(file_), before);
  EXPECT_FALSE(fs::exists(name() + ".v1.bak"));
  const auto refused = [&] { (void)Store::open_read_only(file_, Store::Older::kRefuse); };
  EXPECT_THAT(message_of<UserError>(refused), HasSubstr("has schema version 1, this assay writes"));
}

/// A file of schema 4 with one finished cell: items, and metrics of which nobody had said what they
/// rest on.
constexpr const char* kVersionFour =
    "INSERT INTO blob_doc VALUES ('c', 'config', '{}'), ('k', 'key', '{}');"
    "INSERT INTO experiment VALUES (1, 'u', 'e', 'c', 'p', 0, 1, '2026-01-01', 0);"
    "INSERT INTO plan_cell VALUES (1, 1, 0, 'k', NULL, 'tiny', 'm', 'dense', '{}', 'text', '{}', "
    "'cpu', 0, 0, 0);"
    "INSERT INTO attempt VALUES (1, 'a', 'k', 'OK', NULL, NULL, 's', 0, '2026-01-01', "
    "'2026-01-01', 1, '0', 'b', NULL);"
    "INSERT INTO cell_attempt VALUES (1, 1);"
    "INSERT INTO metric_def VALUES (1, 'acc', '', 1, 'lm-evaluation-harness 0.4.13, first {limit} "
    "items of each subtask (0: all): largest sum of log-probabilities', ''), "
    "(2, 'acc', '', 1, 'another convention', ''), (3, 'peak_rss', 'B', -1, 'VmHWM', ''), "
    "(4, 'model/nonzero', '', -1, 'imported from x.csv', '');"
    "INSERT INTO metric_value VALUES (1, 1, 1, NULL, NULL, NULL, 1, '', NULL), "
    "(1, 2, 1, NULL, NULL, NULL, 1, '', NULL), (1, 3, 5, NULL, NULL, NULL, 1, '', NULL), "
    "(1, 4, 5, NULL, NULL, NULL, 1, '', NULL);"
    "INSERT INTO per_item VALUES (1, 0, 'h', 1, 2.0, 1.5, NULL, 3, '');";

TEST_F(OpenTest, AFileOfSchemaFourKnowsWhatItsMetricsRestOn) {
  {
    Connection connection(file_, Connection::Mode::kReadWrite);
    migrate(connection, embedded_migrations().first(4));
    connection.execute(kVersionFour);
  }
  for (const bool in_memory : {true, false}) {
    const Store store = in_memory ? Store::open_read_only(file_) : Store::open(file_);
    const CellRecord cell = store.cell_records("e").at(0);
    ASSERT_EQ(cell.metrics.size(), 4U);
    EXPECT_EQ(cell.metrics[0].def.basis, Basis::kShare);
    EXPECT_EQ(cell.metrics[0].def.item_value, "correct");
    EXPECT_EQ(cell.metrics[1].def.basis, Basis::kUndeclared) << "never guessed from the tag";
    EXPECT_EQ(cell.metrics[2].def.basis, Basis::kMeasured);
    EXPECT_EQ(cell.metrics[3].def.basis, Basis::kUndeclared) << "somebody else's number";
    EXPECT_EQ(cell.items.at(0).nll, 1.5);
    EXPECT_TRUE(cell.items.at(0).values.empty());
  }
}

TEST_F(OpenTest, AnEmptyFileHasNothingToRead) {
  write_file_atomically(file_, "");
  EXPECT_THAT(message_of<UserError>([&] { (void)Store::open_read_only(file_); }),
              HasSubstr("is empty; `assay run FILE --db"));
}

TEST_F(OpenTest, ErrorsOfSqliteBecomeWords) {
  const auto words = [](int code) {
    return message_of<MachineError>([code] { Connection::throw_in_words("x.db", code, "why"); });
  };
  EXPECT_THAT(words(SQLITE_FULL), HasSubstr("x.db: the disk is full; free some space"));
  EXPECT_THAT(words(SQLITE_READONLY_DIRECTORY), HasSubstr("must be writable"));
  EXPECT_THAT(words(SQLITE_IOERR_WRITE), HasSubstr("reading or writing failed (why)"));
  EXPECT_THAT(words(SQLITE_BUSY_SNAPSHOT), HasSubstr("is locked by another program"));
  EXPECT_THAT(
      message_of<UserError>([] { Connection::throw_in_words("x.db", SQLITE_CORRUPT, "why"); }),
      HasSubstr("the database is damaged"));
  EXPECT_THAT(message_of<UserError>([] {
                Connection::throw_in_words("x.db", SQLITE_ERROR, "no such column: basis");
              }),
              HasSubstr("another program changed it"));
  EXPECT_THROW(Connection::throw_in_words("x.db", SQLITE_ERROR, "near \"SELEC\": syntax error"),
               std::logic_error);
}

constexpr Migration kFirst{1, "0001_a",
                           "CREATE TABLE a(x INTEGER) STRICT; INSERT INTO a VALUES (5);"};
constexpr Migration kSecond{2, "0002_b", "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 3;"};
constexpr Migration kBroken{3, "0003_c",
                            "CREATE TABLE b(x INTEGER) STRICT; INSERT INTO b VALUES ('word');"};

TEST_F(OpenTest, AnOlderFileIsMigratedAfterACopyWasKept) {
  const Migration first[] = {kFirst};
  const Migration both[] = {kFirst, kSecond};
  Connection connection(file_, Connection::Mode::kReadWrite);
  migrate(connection, first);
  EXPECT_FALSE(fs::exists(name() + ".v1.bak"));
  migrate(connection, both);
  EXPECT_EQ(pragma("user_version"), 2);
  EXPECT_EQ(SQLite::Database(name()).execAndGet("SELECT x + y FROM a").getInt(), 8);
  SQLite::Database copy(name() + ".v1.bak");
  EXPECT_EQ(copy.execAndGet("PRAGMA user_version").getInt(), 1);
  EXPECT_EQ(copy.execAndGet("SELECT x FROM a").getInt(), 5);
}

TEST_F(OpenTest, ABrokenMigrationLeavesTheOldVersion) {
  const Migration all[] = {kFirst, kSecond, kBroken};
  Connection connection(file_, Connection::Mode::kReadWrite);
  migrate(connection, std::span(all).first(1));
  EXPECT_THROW(migrate(connection, all), std::logic_error);
  EXPECT_EQ(pragma("user_version"), 2);
  EXPECT_EQ(SQLite::Database(name()).execAndGet("SELECT count(*) FROM sqlite_master").getInt(), 1);
}

TEST_F(OpenTest, ANewFileIsMadeAsAWholeOrNotAtAll) {
  const Migration all[] = {kFirst, kSecond, kBroken};
  Connection connection(file_, Connection::Mode::kReadWrite);
  EXPECT_THROW(migrate(connection, all), std::logic_error);
  EXPECT_EQ(pragma("user_version"), 0);
}

TEST_F(OpenTest, EightConnectionsMigrateAnOldFileAtOnce) {
  const Migration first[] = {kFirst};
  {
    Connection connection(file_, Connection::Mode::kReadWrite);
    migrate(connection, first);
  }
  std::vector<std::thread> threads;
  std::vector<std::string> errors(8);
  for (std::string& error : errors) {
    threads.emplace_back([this, &error] {
      try {
        const Migration both[] = {kFirst, kSecond};
        Connection connection(file_, Connection::Mode::kReadWrite);
        migrate(connection, both);
      } catch (const std::exception& thrown) {
        error = thrown.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(errors, testing::Each(""));
  EXPECT_EQ(SQLite::Database(name()).execAndGet("SELECT x + y FROM a").getInt(), 8);
}

}  // namespace
}  // namespace assay
