// Reading whole cells, and baselines copied from one database to another.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include "harness/base/errors.h"
#include "harness/store/records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

class Records : public testing::Test {
 protected:
  /// Two cells: a scored one with items, and a timed one of two processes.
  void fill(const std::filesystem::path& path) const {
    Store store = Store::open(path);
    const PlannedCell scored = make_cell(0, "dense", "text");
    const PlannedCell timed = make_cell(1, "dense", "decode");
    const PlannedCell failed = make_cell(2, "wanda", "text");
    const auto experiment =
        store.add_experiment("e", Json::object(), 0, false, {scored, timed, failed});
    WorkerReply score = reply_with("token_ppl", 20);
    ItemScore item;
    item.item_hash = "h0";
    item.nll = 3.5;
    item.correct = true;
    item.tokens = 7;
    item.values = {{"own", 0.1}, {"acc/stem", 1}};
    score.items = {item};
    score.events = {{"warning", "data_stripped", "lines are missing"}, {"info", "told", "x"}};
    run_cell(store, experiment, scored, "s", "score", score);
    run_cell(store, experiment, failed, "s", "score", {}, Outcome::kOom);
    const auto attempt = store.begin_attempt(experiment, timed.key, "s");
    for (const int order : {1, 0}) {
      WorkerReply reply;
      reply.samples = {{"decode/token_latency", 0, 9.0, true},
                       {"decode/token_latency", 1, 1.0 + order, false},
                       {"decode/token_latency", 2, 3.0 + order, false}};
      store.add_process(attempt, make_process("time", order), reply, test_metrics());
    }
    store.add_metrics(attempt, reply_with("decode/token_latency", 2).metrics, test_metrics());
    store.finish_attempt(attempt, {Outcome::kOk, "", ""});
  }
  [[nodiscard]] std::filesystem::path at(const char* name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
};

void expect_filled(const std::vector<CellRecord>& cells) {
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(cells[0].status, "OK");
  EXPECT_EQ(cells[0].key_doc.at("suite").at("id"), "text");
  ASSERT_EQ(cells[0].items.size(), 1U);
  EXPECT_EQ(cells[0].items[0].item_hash, "h0");
  EXPECT_EQ(cells[0].items[0].correct, true);
  EXPECT_EQ(cells[0].items[0].nll, 3.5);
  EXPECT_EQ(cells[0].items[0].tokens, 7);
  EXPECT_EQ(cells[0].items[0].values,
            (std::map<std::string, double>{{"own", 0.1}, {"acc/stem", 1}}));
  ASSERT_EQ(cells[0].metrics.size(), 1U);
  EXPECT_EQ(cells[0].metrics[0].def.convention, "windows of 256");
  EXPECT_EQ(cells[0].metrics[0].def.basis, Basis::kExpMean);
  EXPECT_EQ(cells[0].metrics[0].def.item_value, "own");
  EXPECT_EQ(cells[0].metrics[0].summary.value, 20);
  ASSERT_EQ(cells[1].metrics.size(), 1U);
  ASSERT_EQ(cells[1].metrics[0].processes.size(), 2U) << "in order of execution, warm-up left out";
  EXPECT_EQ(cells[1].metrics[0].processes[0].values, (std::vector<double>{1, 3}));
  EXPECT_EQ(cells[1].metrics[0].processes[1].values, (std::vector<double>{2, 4}));
  EXPECT_EQ(cells[1].session, "s");
  EXPECT_EQ(cells[2].status, "OOM");
  EXPECT_TRUE(cells[2].metrics.empty());
}

TEST_F(Records, HoldAllThatWasMeasured) {
  fill(at("r.db"));
  const Store store = Store::open_read_only(at("r.db"));
  expect_filled(store.cell_records("e"));
  EXPECT_THROW(static_cast<void>(store.cell_records("f")), UserError);
}

TEST_F(Records, ABaselineIsAWholeCopy) {
  fill(at("r.db"));
  Store store = Store::open(at("b.db"));
  store.save_baseline(at("r.db"), "e", "main", "c1", false);
  store.save_baseline(at("r.db"), "e", "main", "c2", false);
  expect_filled(store.cell_records("main@c1"));
  expect_filled(store.cell_records("main@c2"));
  const auto saved = store.baselines();
  ASSERT_EQ(saved.size(), 2U);
  EXPECT_EQ(saved[1].stored_as(), "main@c2");
  EXPECT_EQ(saved[1].experiment, "e");
  EXPECT_FALSE(saved[1].saved_utc.empty());
}

/// What is said beside a result is said beside its baseline, once, whatever shares the attempt.
TEST_F(Records, ABaselineKeepsItsRemarks) {
  fill(at("r.db"));
  Store store = Store::open(at("b.db"));
  store.save_baseline(at("r.db"), "e", "main", "c1", false);
  store.save_baseline(at("r.db"), "e", "main", "c2", false);
  store.save_baseline(at("r.db"), "e", "main", "c1", true);
  for (const char* name : {"main@c1", "main@c2"}) {
    const std::vector<Remark> remarks = store.remarks(name);
    ASSERT_EQ(remarks.size(), 1U) << name;
    EXPECT_EQ(remarks[0].code, "data_stripped");
    EXPECT_EQ(remarks[0].text, "lines are missing");
    EXPECT_EQ(remarks[0].processes, 1);
  }
  SQLite::Database database(at("b.db").string());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM event").getInt(), 2);
}

TEST_F(Records, ABaselineKeepsItsMachines) {
  {
    Store measured = Store::open(at("r.db"));
    const PlannedCell cell = make_cell(0, "dense", "decode");
    measured.use_machine("first", "First, 2 cores");
    const std::int64_t plan = measured.add_experiment("e", {{"name", "e"}}, 0, false, {cell});
    run_cell(measured, plan, cell, "s", "time", reply_with("decode/token_latency", 2));
  }
  Store store = Store::open(at("b.db"));
  store.save_baseline(at("r.db"), "e", "main", "c1", false);
  store.save_baseline(at("r.db"), "e", "main", "c2", false);
  EXPECT_EQ(store.machines().at(store.results("main@c1").front().machine), "First, 2 cores");
}

TEST_F(Records, ABaselineIsReplacedOnlyWhenAsked) {
  fill(at("r.db"));
  Store store = Store::open(at("b.db"));
  store.save_baseline(at("r.db"), "e", "main", "c1", false);
  EXPECT_THROW(store.save_baseline(at("r.db"), "e", "main", "c1", false), UserError);
  store.save_baseline(at("r.db"), "e", "main", "c1", true);
  expect_filled(store.cell_records("main@c1"));
  EXPECT_EQ(store.baselines().size(), 1U);
}

TEST_F(Records, ABaselineOfAnotherMeaningIsRefused) {
  fill(at("r.db"));
  {
    Store other = Store::open(at("b.db"));
    const PlannedCell cell = make_cell(0, "dense", "text");
    const auto experiment = other.add_experiment("x", Json::object(), 0, false, {cell});
    const auto attempt = other.begin_attempt(experiment, cell.key, "s");
    auto definitions = test_metrics();
    definitions[0].unit = "bits";
    other.add_process(attempt, make_process("score"), reply_with("token_ppl", 1), definitions);
    other.finish_attempt(attempt, {Outcome::kOk, "", ""});
  }
  Store store = Store::open(at("b.db"));
  EXPECT_THROW(store.save_baseline(at("r.db"), "e", "main", "c1", false), UserError);
  EXPECT_TRUE(store.baselines().empty());
  EXPECT_EQ(store.experiments(), std::vector<std::string>{"x"});
}

TEST_F(Records, WhatAMetricRestsOnMayBeDeclaredLater) {
  Store store = Store::open(at("late.db"));
  const PlannedCell cell = make_cell(0, "dense", "text");
  const auto experiment = store.add_experiment("e", Json::object(), 0, false, {cell});
  const auto basis_after = [&](const std::vector<MetricDef>& definitions) {
    const auto attempt = store.begin_attempt(experiment, cell.key, "s");
    store.add_process(attempt, make_process("score"), reply_with("token_ppl", 1), definitions);
    store.finish_attempt(attempt, {Outcome::kOk, "", ""});
    return store.cell_records("e").at(0).metrics.at(0).def.basis;
  };
  auto definitions = test_metrics();
  definitions[0].basis = Basis::kUndeclared;
  EXPECT_EQ(basis_after(definitions), Basis::kUndeclared);
  EXPECT_EQ(basis_after(test_metrics()), Basis::kExpMean);
  EXPECT_EQ(basis_after(definitions), Basis::kExpMean) << "nothing is taken back";
}

TEST_F(Records, TwinsAreThoseOfEachCellsOwnSession) {
  Store store = Store::open(at("twins.db"));
  PlannedCell dense = make_cell(0, "dense", "decode");
  dense.twin_key = dense.key;
  const PlannedCell wanda = make_cell(1, "wanda", "decode", &dense);
  const PlannedCell failed = make_cell(2, "ria", "decode", &dense);
  const auto experiment =
      store.add_experiment("e", Json::object(), 0, false, {dense, wanda, failed});
  const auto run = [&](const PlannedCell& cell, const std::string& session, double value,
                       Outcome outcome = Outcome::kOk) {
    run_cell(store, experiment, cell, session, "time", reply_with("decode/token_latency", value),
             outcome);
  };
  run(dense, "s1", 10);
  run(wanda, "s1", 5);
  run(dense, "s2", 40);  // timed again for another cell, which failed
  run(failed, "s2", 1, Outcome::kOom);
  const std::vector<CellRecord> cells = store.cell_records("e");
  EXPECT_EQ(cells[0].session, "s2");
  EXPECT_EQ(cells[1].twin_key, dense.key);
  const std::vector<CellRecord> twins = store.twin_records("e");
  ASSERT_EQ(twins.size(), 2U);
  EXPECT_EQ(twins[0].session, "s1");
  EXPECT_EQ(twins[0].cell_key, dense.key);
  EXPECT_EQ(twins[0].method, "dense");
  EXPECT_EQ(twins[0].metrics.at(0).summary.value, 10);
  EXPECT_EQ(twins[1].session, "s2");
  EXPECT_EQ(twins[1].metrics.at(0).summary.value, 40);
  EXPECT_THROW(static_cast<void>(store.twin_records("f")), UserError);
}

}  // namespace
}  // namespace assay
