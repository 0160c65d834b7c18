// Migrating, shrinking and pruning a file by hand.

#include "harness/store/maintenance.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/base/errors.h"
#include "harness/store/connection.h"
#include "harness/store/database_check.h"
#include "harness/store/migrations.h"
#include "harness/store/records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class MaintenanceTest : public testing::Test {
 protected:
  std::int64_t count(const std::string& what) {
    return SQLite::Database(file_.string()).execAndGet("SELECT count(*) FROM " + what).getInt64();
  }
  void expect_whole() { EXPECT_THAT(check_database(file_).findings, IsEmpty()); }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "r.db";
  PlannedCell dense_ = make_cell(0, "dense", "text");
  PlannedCell wanda_ = make_cell(1, "wanda", "text", &dense_);
};

TEST_F(MaintenanceTest, MigratingSaysFromWhereToWhereAndWhereTheOldFileIs) {
  const int newest = embedded_migrations().back().version;
  {
    Connection connection(file_, Connection::Mode::kReadWrite);
    migrate(connection, embedded_migrations().first(1));
  }
  const MigrationDone done = migrate_database(file_);
  EXPECT_EQ(done.from, 1);
  EXPECT_EQ(done.to, newest);
  EXPECT_EQ(SQLite::Database(done.backup.string()).execAndGet("PRAGMA user_version").getInt(), 1);
  const MigrationDone again = migrate_database(file_);
  EXPECT_EQ(again.from, newest);
  EXPECT_TRUE(again.backup.empty());
  EXPECT_THROW(migrate_database(folder_.path() / "none.db"), UserError);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "none.db"));
  SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  EXPECT_THROW(migrate_database(file_), UserError) << "never downgrades";
}

class PruneTest : public MaintenanceTest {
 protected:
  /// An older plan of "e" with a cell of its own; then the plan of today, whose wanda cell crashed
  /// before it worked.
  PruneTest() {
    Store store = Store::open(file_);
    const PlannedCell old = make_cell(0, "magnitude", "text");
    const auto first = store.add_experiment("e", {{"v", 1}}, 0, false, {old});
    run_cell(store, first, old, "s0", "score", reply_with("token_ppl", 30));
    const auto second = store.add_experiment("e", {{"v", 2}}, 0, false, {dense_, wanda_});
    run_cell(store, second, dense_, "s1", "score", reply_with("token_ppl", 20));
    run_cell(store, second, wanda_, "s1", "score", {}, Outcome::kCrashed);
    run_cell(store, second, wanda_, "s2", "score", reply_with("token_ppl", 22));
    before_ = values(store);
  }
  static std::vector<std::string> values(const Store& store) {
    std::vector<std::string> all;
    for (const ResultRow& row : store.results("")) {
      all.push_back(row.experiment + row.method + row.status +
                    std::to_string(row.value.value_or(0)) + std::to_string(row.ratio.value_or(0)));
    }
    return all;
  }
  std::vector<std::string> before_;
};

TEST_F(PruneTest, WhatNoReportShowsGoesAndReportsStayTheSame) {
  const Pruned would = prune_database(file_, {.dry_run = true});
  EXPECT_EQ(count("attempt"), 4);
  const Pruned pruned = prune_database(file_, {});
  EXPECT_EQ(pruned.attempts, would.attempts);
  EXPECT_EQ(pruned.plans, would.plans);
  EXPECT_EQ(pruned.documents, would.documents);
  EXPECT_THAT(pruned.plans, ElementsAre(StartsWith("e of 20")));
  EXPECT_THAT(pruned.attempts, ElementsAre(StartsWith("magnitude / text / tiny: OK of 20"),
                                           StartsWith("wanda / text / tiny: CRASHED of 20")));
  EXPECT_EQ(pruned.documents, 2) << "the older plan's configuration and its cell";
  EXPECT_EQ(count("attempt"), 2);
  EXPECT_EQ(count("experiment"), 1);
  EXPECT_EQ(values(Store::open_read_only(file_)), before_);
  expect_whole();
  const Pruned again = prune_database(file_, {});
  EXPECT_THAT(again.attempts, IsEmpty());
  EXPECT_THAT(again.plans, IsEmpty());
}

TEST_F(PruneTest, HistoryStaysWhereItIsWanted) {
  const Pruned pruned = prune_database(file_, {.keep_history = true});
  EXPECT_THAT(pruned.plans, IsEmpty());
  EXPECT_THAT(pruned.attempts, ElementsAre(HasSubstr("CRASHED")));
  expect_whole();
}

TEST_F(PruneTest, ABaselineIsNeverTouched) {
  const auto kept = folder_.path() / "base.db";
  Store::open(kept).save_baseline(file_, "e", "main", "c1", false);
  {
    Store store = Store::open(kept);
    store.add_experiment("e", {{"v", 3}}, 0, false, {dense_});
  }
  EXPECT_THAT(prune_database(kept, {}).attempts, IsEmpty());
  EXPECT_THROW(prune_database(kept, {.experiment = "main@c1"}), UserError);
  EXPECT_THAT(prune_database(kept, {.experiment = "e"}).attempts, IsEmpty());
  const Store store = Store::open_read_only(kept);
  EXPECT_THAT(store.experiments(), ElementsAre("main@c1"));
  EXPECT_EQ(store.cell_records("main@c1").size(), 2U);
}

TEST_F(PruneTest, AnExperimentGoesAsAWholeAndAnUnknownOneIsRefused) {
  EXPECT_THROW(prune_database(file_, {.experiment = "nosuch"}), UserError);
  EXPECT_EQ(prune_database(file_, {.experiment = "e"}).attempts.size(), 4U);
  EXPECT_EQ(count("attempt") + count("sample") + count("metric_value") + count("blob_doc"), 0);
  expect_whole();
}

TEST_F(PruneTest, DamagedAttemptsGoAloneAndAreMeasuredAgain) {
  SQLite::Database(file_.string(), SQLite::OPEN_READWRITE)
      .exec("UPDATE metric_value SET value = 23 WHERE value = 22");
  EXPECT_EQ(check_database(file_).findings.size(), 1U);
  EXPECT_EQ(prune_database(file_, {.damaged = true}).attempts.size(), 1U);
  expect_whole();
  EXPECT_NE(Store::open_read_only(file_).final_outcome(wanda_.key)->outcome, Outcome::kOk);
}

TEST_F(PruneTest, WhatRunsStaysAndSoDoesItsPlan) {
  Store store = Store::open(file_);
  const auto experiment =
      store.add_experiment("e", {{"v", 1}}, 0, false, {make_cell(0, "magnitude", "text")});
  const auto attempt = store.begin_attempt(experiment, make_cell(0, "magnitude", "text").key, "s9");
  store.add_experiment("e", {{"v", 2}}, 0, false, {dense_, wanda_});
  EXPECT_THAT(prune_database(file_, {}).plans, IsEmpty());
  EXPECT_THROW(prune_database(file_, {.experiment = "e"}), UserError);
  store.finish_attempt(attempt, {});
}

TEST_F(PruneTest, CopiesOfKilledMigrationsGo) {
  const std::string left = file_.string() + ".v9.bak.0123abcd";
  std::ofstream(left) << "half";
  std::ofstream(file_.string() + ".v9.bak") << "kept";
  EXPECT_THAT(prune_database(file_, {}).files, ElementsAre(left));
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".v9.bak"));
}

TEST_F(PruneTest, VacuumGivesTheSpaceBack) {
  {
    Store store = Store::open(file_);
    const auto experiment = store.add_experiment("big", Json::object(), 0, false, {dense_});
    WorkerReply reply;
    for (int i = 0; i < 20000; ++i)
      reply.samples.push_back({"decode/token_latency", i, 1.5, false});
    run_cell(store, experiment, dense_, "s3", "time", reply);
  }
  prune_database(file_, {.experiment = "big"});
  const VacuumDone done = vacuum_database(file_);
  EXPECT_LT(done.bytes_after, done.bytes_before / 2);
  EXPECT_EQ(static_cast<std::uintmax_t>(done.bytes_after), std::filesystem::file_size(file_));
  expect_whole();
  EXPECT_EQ(values(Store::open_read_only(file_)), before_);
}

}  // namespace
}  // namespace assay
