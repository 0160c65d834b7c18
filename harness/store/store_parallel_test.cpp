// Several writers at once, and writers that die.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "harness/store/connection.h"
#include "harness/store/database_check.h"
#include "harness/store/migrations.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

constexpr int kWriters = 8;
constexpr int kProcessesEach = 10;
constexpr std::int64_t kSamplesEach = 500;

WorkerReply many_samples(std::int64_t count) {
  WorkerReply reply;
  for (std::int64_t i = 0; i < count; ++i) {
    reply.samples.push_back({"decode/token_latency", i, 0.001 * static_cast<double>(i), i < 3});
  }
  return reply;
}

pid_t in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
  } catch (const std::exception& error) {
    const std::string text = std::string(error.what()) + "\n";
    (void)!::write(2, text.data(), text.size());
    ::_exit(1);
  }
  ::_exit(0);
}

int status_of(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

class ParallelTest : public ::testing::Test {
 protected:
  std::int64_t count(const std::string& what) {
    SQLite::Database database(file_.string());
    return database.execAndGet("SELECT count(*) FROM " + what).getInt64();
  }
  std::vector<PlannedCell> cells() const {
    std::vector<PlannedCell> made;
    for (int i = 0; i < kWriters; ++i) {
      made.push_back(make_cell(i, "dense", "suite-" + std::to_string(i)));
    }
    return made;
  }
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "r.db";
};

TEST_F(ParallelTest, EightProcessesMakeOneFileAndFillIt) {
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; ++i) {
    children.push_back(in_child([this, i] {
      Store store = Store::open(file_);
      const std::int64_t experiment =
          store.add_experiment("shared", {{"name", "shared"}}, 0, false, cells());
      const auto cell = cells()[static_cast<std::size_t>(i)];
      const std::int64_t attempt = store.begin_attempt(experiment, cell.key, "session");
      for (int p = 0; p < kProcessesEach; ++p) {
        store.add_process(attempt, make_process("time", p), many_samples(kSamplesEach),
                          test_metrics());
      }
      store.finish_attempt(attempt, {});
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(count("experiment"), 1);
  EXPECT_EQ(count("metric_def"), 1);
  EXPECT_EQ(count("attempt WHERE status = 'OK'"), kWriters);
  EXPECT_EQ(count("process_run"), kWriters * kProcessesEach);
  EXPECT_EQ(count("raw_samples"), kWriters * kProcessesEach * kSamplesEach);
}

TEST_F(ParallelTest, EightProcessesWriteAThousandAttemptsEach) {
  constexpr int kAttemptsEach = 1000;
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; ++i) {
    children.push_back(in_child([this, i] {
      Store store = Store::open(file_);
      const std::string name = "writer-" + std::to_string(i);
      const PlannedCell cell = make_cell(0, "dense", name);
      const std::int64_t experiment =
          store.add_experiment(name, {{"name", name}}, 0, false, {cell});
      for (int a = 0; a < kAttemptsEach; ++a) {
        run_cell(store, experiment, cell, "session", "score", reply_with("token_ppl", a));
      }
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(count("attempt WHERE status = 'OK'"), kWriters * kAttemptsEach);
  EXPECT_EQ(count("metric_value"), kWriters * kAttemptsEach);
  const DatabaseCheck check = check_database(file_);
  EXPECT_TRUE(check.findings.empty());
  EXPECT_EQ(check.held, kWriters * kAttemptsEach);
}

TEST_F(ParallelTest, EightProcessesMigrateOneOldFile) {
  {
    Connection connection(file_, Connection::Mode::kReadWrite);
    migrate(connection, embedded_migrations().first(1));
    connection.execute("INSERT INTO blob_doc(hash, kind, body) VALUES ('h', 'config', '{}')");
  }
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; ++i) {
    children.push_back(in_child([this] { (void)Store::open(file_); }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(count("blob_doc"), 1);
  EXPECT_EQ(count("pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
  SQLite::Database backup(file_.string() + ".v1.bak");
  EXPECT_EQ(backup.execAndGet("PRAGMA user_version").getInt(), 1);
  EXPECT_EQ(backup.execAndGet("SELECT count(*) FROM blob_doc").getInt(), 1);
}

TEST_F(ParallelTest, AKilledWriterLeavesWholeProcessesAndAnInterruptedAttempt) {
  const PlannedCell cell = make_cell(0, "dense", "decode");
  constexpr std::int64_t kMany = 2000;
  { (void)Store::open(file_); }
  const pid_t child = in_child([&] {
    Store store = Store::open(file_);
    const std::int64_t experiment =
        store.add_experiment("killed", {{"name", "killed"}}, 0, false, {cell});
    const std::int64_t attempt = store.begin_attempt(experiment, cell.key, "session");
    for (int p = 0;; ++p) {
      store.add_process(attempt, make_process("time", p), many_samples(kMany), test_metrics());
    }
  });
  // Somewhere in the stream of transactions, most probably inside one.
  while (count("process_run") < 3) ::usleep(2000);
  ::kill(child, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status_of(child)));

  Store store = Store::open(file_);
  SQLite::Database database(file_.string());
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  const std::int64_t processes = count("process_run");
  EXPECT_GE(processes, 3);
  EXPECT_EQ(count("sample"), processes * kMany);
  EXPECT_FALSE(store.final_outcome(cell.key));
  EXPECT_EQ(store.close_stale_attempts(), 1);
  EXPECT_EQ(store.close_stale_attempts(), 0);
  EXPECT_EQ(store.final_outcome(cell.key)->outcome, Outcome::kInterrupted);
  EXPECT_EQ(store.final_outcome(cell.key)->code, "parent_gone");
}

TEST_F(ParallelTest, ChildrenDoNotInheritTheDatabase) {
  Store store = Store::open(file_);
  (void)store.experiments();
  const std::string command = "ls -l /proc/self/fd | grep -q '" + file_.string() + "'";
  EXPECT_NE(::system(command.c_str()), 0);
}

}  // namespace
}  // namespace assay
