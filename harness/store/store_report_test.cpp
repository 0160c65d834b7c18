// Raw samples, processes and origins, as reports read them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/store/report_records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

WorkerReply timed_reply(const std::vector<double>& warmup, const std::vector<double>& values) {
  WorkerReply reply;
  reply.environment = {{"torch", "2.11.0"}};
  std::int64_t index = 0;
  for (const double value : warmup) {
    reply.samples.push_back({"decode/token_latency", index++, value, true});
  }
  for (const double value : values) {
    reply.samples.push_back({"decode/token_latency", index++, value, false});
  }
  reply.complete = true;
  return reply;
}

TEST(StoreReport, GivesRawValuesByProcess) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path() / "r.db");
  const PlannedCell dense = make_cell(0, "dense", "decode");
  const PlannedCell wanda = make_cell(1, "wanda", "decode", &dense);
  const auto id = store.add_experiment("e", {{"title", "e"}}, 0, false, {dense, wanda});
  const auto attempt = store.begin_attempt(id, dense.key, "s");
  store.add_process(attempt, make_process("time", 4), timed_reply({9}, {1, 2}), test_metrics());
  store.add_process(attempt, make_process("time", 7), timed_reply({}, {3}), test_metrics());
  store.finish_attempt(attempt, {Outcome::kOk, "", ""});
  const auto lost = store.begin_attempt(id, wanda.key, "s");
  store.add_process(lost, make_process("time", 5), timed_reply({}, {8}), test_metrics());
  store.finish_attempt(lost, {Outcome::kInvalid, "x", "wrong"});

  const auto series = store.timed_series("e");
  ASSERT_EQ(series.size(), 1U) << "a cell that is not OK has no times";
  EXPECT_EQ(series[0].cell_key, dense.key);
  EXPECT_EQ(series[0].unit, "s");
  ASSERT_EQ(series[0].processes.size(), 2U);
  EXPECT_EQ(series[0].processes[0].order, 4);
  EXPECT_THAT(series[0].processes[0].warmup, testing::ElementsAre(9));
  EXPECT_THAT(series[0].processes[0].values, testing::ElementsAre(1, 2));
  EXPECT_EQ(series[0].processes[1].order, 7);
  EXPECT_TRUE(store.timed_series("other").empty());

  const auto totals = store.process_totals("e");
  ASSERT_EQ(totals.size(), 2U) << "what a lost cell took counts too";
  EXPECT_EQ(totals[0].pass, "time");
  EXPECT_EQ(totals[0].processes, 2);
  EXPECT_NEAR(totals[0].wall_seconds, 2, 1e-3) << "make_process takes a second";
}

TEST(StoreReport, TellsHowLongProcessesTookOnThisMachine) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path() / "r.db");
  const PlannedCell dense = make_cell(0, "dense", "decode");
  const PlannedCell wanda = make_cell(1, "wanda", "decode", &dense);
  const auto run = [&](std::int64_t id, const PlannedCell& cell, const std::string& pass,
                       const std::vector<double>& walls, Outcome outcome) {
    const auto attempt = store.begin_attempt(id, cell.key, "s");
    for (const double wall : walls) {
      ProcessRecord process = make_process(pass);
      process.wall_seconds = wall;
      process.between_seconds = 0.5;
      store.add_process(attempt, process, timed_reply({}, {1}), test_metrics());
    }
    store.finish_attempt(attempt, {outcome, "", ""});
  };
  store.use_machine("here", "this one");
  const auto id = store.add_experiment("e", {{"title", "e"}}, 0, false, {dense, wanda});
  run(id, dense, "time", {4, 2, 3}, Outcome::kOk);
  run(id, wanda, "score", {9}, Outcome::kOom);
  store.add_experiment("again", {{"title", "again"}}, 0, false, {dense});
  const auto spans = store.process_spans();
  ASSERT_EQ(spans.size(), 1U) << "what went wrong says nothing of how long it takes";
  EXPECT_EQ(spans[0].pass, "time");
  EXPECT_EQ(spans[0].method, "dense");
  EXPECT_EQ(spans[0].model, "tiny");
  EXPECT_DOUBLE_EQ(spans[0].shortest, 2.5);
  EXPECT_DOUBLE_EQ(spans[0].longest, 4.5);
  EXPECT_EQ(spans[0].processes, 3) << "once, although two plans have the cell";
  store.use_machine("elsewhere", "another one");
  EXPECT_TRUE(store.process_spans().empty());
}

TEST(StoreReport, NamesWhereThingsComeFrom) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path() / "r.db");
  PlannedCell dense = make_cell(0, "dense", "decode");
  dense.key_doc["method"] = {{"name", "dense"}, {"source", "abc"}};
  dense.key = json_hash(dense.key_doc);
  store.add_experiment("e", {{"title", "e"}}, 0, false, {dense});
  const auto origins = store.origins("e");
  ASSERT_EQ(origins.size(), 3U);
  EXPECT_EQ(origins[0].kind, "method");
  EXPECT_EQ(origins[0].hash, "abc");
  EXPECT_EQ(origins[1].kind, "model");
  EXPECT_EQ(origins[1].hash, "m0");
}

}  // namespace
}  // namespace assay
