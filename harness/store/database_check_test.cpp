// Flips, holes and strangers are found; what is whole has no finding.

#include "harness/store/database_check.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/base/errors.h"
#include "harness/store/connection.h"
#include "harness/store/migrations.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

class DatabaseCheckTest : public testing::Test {
 protected:
  DatabaseCheckTest() {
    Store store = Store::open(file_);
    const PlannedCell cell = make_cell(0, "wanda", "decode");
    const std::int64_t experiment =
        store.add_experiment("e", {{"title", "t"}}, 0, false, {cell, make_cell(1, "dense", "x")});
    WorkerReply reply = reply_with("token_ppl", 20);
    reply.samples = {{"decode/token_latency", 0, 0.25, false}};
    reply.events = {{"warning", "not_steady", "3 of 4"}};
    ItemScore item;
    item.item_hash = "h0";
    item.nll = 3.5;
    reply.items = {item};
    run_cell(store, experiment, cell, "s", "time", reply);
  }
  void run_sql(const std::string& sql) {
    SQLite::Database(name(), SQLite::OPEN_READWRITE).exec(sql);
  }
  [[nodiscard]] std::string name() const { return file_.string(); }
  /// Text of the only finding.
  std::string only_finding() {
    const DatabaseCheck check = check_database(file_);
    if (check.findings.size() != 1) return std::to_string(check.findings.size()) + " findings";
    const Damage& one = check.findings.front();
    EXPECT_FALSE(one.remedy.empty());
    return one.table + ": " + one.row + ": " + one.found;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "r.db";
};

TEST_F(DatabaseCheckTest, AWholeFileHasNoFinding) {
  const DatabaseCheck check = check_database(file_);
  EXPECT_TRUE(check.findings.empty()) << check.findings.front().found;
  EXPECT_EQ(check.attempts, 1);
  EXPECT_EQ(check.held, 1);
  EXPECT_EQ(check.without, 0);
  EXPECT_EQ(check.version, check.newest);
}

TEST_F(DatabaseCheckTest, EveryStoredValueOfAnAttemptIsCovered) {
  for (const char* change :
       {"UPDATE sample SET value = 0.2500000000000001", "UPDATE sample SET warmup = 1",
        "UPDATE metric_value SET hi = 22", "UPDATE metric_value SET value = 21",
        "UPDATE per_item SET nll = 3.25", "UPDATE per_item SET extra = '{\"a\":1}'",
        "UPDATE event SET text = '2 of 4'", "DELETE FROM event",
        "UPDATE process_run SET peak_rss_bytes = 1", "UPDATE attempt SET status = 'NAN'",
        "UPDATE attempt SET ended_utc = NULL", "UPDATE metric_def SET direction = 1",
        "UPDATE metric_def SET tag = 'acc' WHERE tag = 'token_ppl'"}) {
    const std::string before = folder_.path() / "before.db";
    SQLite::Database(name(), SQLite::OPEN_READWRITE).exec("VACUUM INTO '" + before + "'");
    run_sql(change);
    EXPECT_THAT(only_finding(), HasSubstr("attempt: attempt 1 (wanda / decode / tiny, ")) << change;
    std::filesystem::remove(file_);
    std::filesystem::rename(before, file_);
  }
}

TEST_F(DatabaseCheckTest, PlansDocumentsAndReferencesAreCovered) {
  run_sql("UPDATE plan_cell SET params = '{\"sparsity\":0.7}' WHERE ordinal = 0");
  EXPECT_THAT(only_finding(),
              HasSubstr("plan_cell: experiment 1 (e): the plan or one of its cells"));
  run_sql("UPDATE plan_cell SET params = '{\"sparsity\":0.5}' WHERE ordinal = 0");
  run_sql("UPDATE blob_doc SET body = '{\"title\":\"u\"}' WHERE kind = 'config'");
  EXPECT_THAT(only_finding(), HasSubstr("blob_doc: config "));
  run_sql("UPDATE blob_doc SET body = '{\"title\":\"t\"}' WHERE kind = 'config'");
  run_sql("UPDATE cell_attempt SET cell_id = 2");
  EXPECT_THAT(only_finding(), HasSubstr("cell_attempt: attempt 1 of cell 2: the attempt was made"));
  run_sql("PRAGMA foreign_keys = OFF; UPDATE cell_attempt SET cell_id = 9");
  EXPECT_THAT(only_finding(), HasSubstr("cell_attempt: row "));
}

TEST_F(DatabaseCheckTest, WhatIsNoDatabaseOfOursIsRefused) {
  const auto stranger = folder_.path() / "x.db";
  std::ofstream(stranger) << std::string(4096, 'x');
  EXPECT_THROW(check_database(stranger), UserError);
  EXPECT_THROW(check_database(folder_.path() / "none.db"), UserError);
  run_sql("PRAGMA user_version = 99");
  EXPECT_THROW(check_database(file_), UserError);
}

TEST_F(DatabaseCheckTest, OlderAttemptsHaveNoChecksumAndThatIsNoFinding) {
  run_sql("UPDATE attempt SET checksum = NULL; UPDATE experiment SET checksum = NULL");
  const DatabaseCheck check = check_database(file_);
  EXPECT_TRUE(check.findings.empty());
  EXPECT_EQ(check.without, 1);
  EXPECT_EQ(check.held, 0);
}

TEST_F(DatabaseCheckTest, ATruncatedFileIsAFinding) {
  run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  EXPECT_FALSE(check_database(file_).findings.empty());
}

}  // namespace
}  // namespace assay
