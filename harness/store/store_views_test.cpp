// Golden rows of the public views, from a small database made by hand.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/store/store_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class ViewsTest : public ::testing::Test {
 protected:
  ViewsTest() {
    dense_score_ = make_cell(0, "dense", "ppl");
    wanda_score_ = make_cell(1, "wanda", "ppl", &dense_score_);
    dense_time_ = make_cell(2, "dense", "decode");
    wanda_time_ = make_cell(3, "wanda", "decode", &dense_time_);
    tardis_ = make_cell(4, "tardis", "ppl", &dense_score_);
    experiment_ = add("demo");
  }
  std::int64_t add(const std::string& name, const std::string& title = "t") {
    return store_.add_experiment(name, {{"name", name}, {"title", title}}, 0, false,
                                 {dense_score_, wanda_score_, dense_time_, wanda_time_, tardis_});
  }
  /// Rows of a query, columns joined by '|', NULL as "-".
  std::vector<std::string> rows(const std::string& sql) {
    SQLite::Database database((folder_.path() / "r.db").string());
    SQLite::Statement statement(database, sql);
    std::vector<std::string> found;
    while (statement.executeStep()) {
      std::string row;
      for (int i = 0; i < statement.getColumnCount(); ++i) {
        const SQLite::Column column = statement.getColumn(i);
        row += (i == 0 ? "" : "|") + (column.isNull() ? "-" : column.getString());
      }
      found.push_back(row);
    }
    return found;
  }
  static WorkerReply timed(double first, double second) {
    WorkerReply reply = reply_with("decode/token_latency", (first + second) / 2);
    reply.samples = {{"decode/token_latency", 0, 9.5, true},
                     {"decode/token_latency", 1, first, false},
                     {"decode/token_latency", 2, second, false}};
    return reply;
  }

  TemporaryFolder folder_;
  Store store_ = Store::open(folder_.path() / "r.db");
  PlannedCell dense_score_, wanda_score_, dense_time_, wanda_time_, tardis_;
  std::int64_t experiment_ = 0;
};

TEST_F(ViewsTest, ResultsHaveOneRowAMetricAndOneForACellWithout) {
  run_cell(store_, experiment_, dense_score_, "s1", "score", reply_with("token_ppl", 20));
  run_cell(store_, experiment_, wanda_score_, "s2", "score", reply_with("token_ppl", 25));
  run_cell(store_, experiment_, dense_time_, "s1", "time", timed(2, 4));
  run_cell(store_, experiment_, wanda_time_, "s1", "time", timed(1, 2));
  const std::int64_t attempt = store_.begin_attempt(experiment_, tardis_.key, "s1");
  store_.finish_attempt(attempt, {Outcome::kUnmet, "requirement", "ffn.gated must be false"});
  EXPECT_THAT(
      rows("SELECT experiment, model, method, params, suite, suite_params, metric, unit, "
           "convention, direction, profile, seed, status, reason, value, lo, hi, n, twin_value, "
           "ratio, random_weights, limited FROM results"),
      ElementsAre(
          "demo|tiny|dense|{}|ppl|{\"window\":256}|token_ppl||windows of "
          "256|-1|cpu|0|OK||20.0|19.0|21.0|10|-|-|0|0",
          "demo|tiny|wanda|{\"sparsity\":0.5}|ppl|{\"window\":256}|token_ppl||windows of "
          "256|-1|cpu|0|OK||25.0|24.0|26.0|10|20.0|1.25|0|0",
          "demo|tiny|dense|{}|decode|{\"window\":256}|decode/token_latency|s|batch "
          "1|-1|cpu|0|OK||3.0|2.0|4.0|10|-|-|0|0",
          "demo|tiny|wanda|{\"sparsity\":0.5}|decode|{\"window\":256}|decode/token_latency|s|batch "
          "1|-1|cpu|0|OK||1.5|0.5|2.5|10|3.0|0.5|0|0",
          "demo|tiny|tardis|{\"sparsity\":0.5}|ppl|{\"window\":256}|-|-|-|-|cpu|0|UNMET|ffn.gated "
          "must be false|-|-|-|-|-|-|0|0"));
  EXPECT_EQ(rows("SELECT cell_key FROM results WHERE method = 'tardis'").at(0), tardis_.key);
}

TEST_F(ViewsTest, RawSamplesComeFromFinishedCellsOnly) {
  run_cell(store_, experiment_, dense_time_, "s1", "time", timed(2, 4));
  run_cell(store_, experiment_, wanda_time_, "s1", "time", timed(1, 2), Outcome::kInvalid);
  EXPECT_THAT(rows("SELECT experiment, model, method, params, suite, metric, unit, profile, seed, "
                   "process, \"order\", idx, value, warmup FROM raw_samples"),
              ElementsAre("demo|tiny|dense|{}|decode|decode/token_latency|s|cpu|0|0|0|0|9.5|1",
                          "demo|tiny|dense|{}|decode|decode/token_latency|s|cpu|0|0|0|1|2.0|0",
                          "demo|tiny|dense|{}|decode|decode/token_latency|s|cpu|0|0|0|2|4.0|0"));
  EXPECT_THAT(rows("SELECT method, status, value FROM results WHERE suite = 'decode'"),
              ElementsAre("dense|OK|3.0", "wanda|INVALID|-"));
}

TEST_F(ViewsTest, AProcessHasItsNumberAndItsPlaceInTheOrder) {
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1");
  for (const int order : {3, 6}) {
    WorkerReply reply;
    reply.samples = {{"decode/token_latency", 0, order * 1.0, false}};
    store_.add_process(attempt, make_process("time", order), reply, test_metrics());
  }
  store_.finish_attempt(attempt, {});
  EXPECT_THAT(rows("SELECT process, \"order\", value FROM raw_samples"),
              ElementsAre("0|3|3.0", "1|6|6.0"));
}

TEST_F(ViewsTest, ATimedProcessHasItsBlockItsSeedAndItsStart) {
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1", 77);
  ProcessRecord process = make_process("time", 4);
  process.block = 2;
  store_.add_process(attempt, process, timed(2, 4), test_metrics());
  store_.finish_attempt(attempt, {});
  EXPECT_THAT(rows("SELECT DISTINCT schedule_seed, block, started_utc FROM raw_samples"),
              ElementsAre("77|2|" + process.started_utc));
}

TEST_F(ViewsTest, RemarksAreCountedByProcess) {
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1");
  for (const int order : {0, 1, 2}) {
    WorkerReply reply = timed(2, 4);
    reply.events = {{"info", "told", "not for the report"}};
    if (order > 0)
      reply.events.push_back({"warning", "not_steady", "as in " + std::to_string(order)});
    store_.add_process(attempt, make_process("time", order), reply, test_metrics());
  }
  store_.finish_attempt(attempt, {});
  const std::vector<Remark> remarks = store_.remarks("demo");
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_EQ(remarks[0].cell_key, dense_time_.key);
  EXPECT_EQ(remarks[0].code, "not_steady");
  EXPECT_EQ(remarks[0].text, "as in 1 to 2");
  EXPECT_EQ(remarks[0].processes, 2);
  EXPECT_EQ(remarks[0].of_processes, 3);
  EXPECT_TRUE(store_.remarks("another").empty());
}

TEST_F(ViewsTest, SeveralTextsOfOneCodeAreSeveralRemarks) {
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1");
  for (const int order : {0, 1}) {
    WorkerReply reply = timed(2, 4);
    reply.events = {{"warning", "model_key_ignored", "config key 'alpha' is not read"},
                    {"warning", "model_key_ignored", "config key 'beta' is not read"},
                    {"warning", "not_steady", order == 0 ? "moved by 3.25 %" : "moved by 12 %"}};
    store_.add_process(attempt, make_process("time", order), reply, test_metrics());
  }
  store_.finish_attempt(attempt, {});
  const std::vector<Remark> remarks = store_.remarks("demo");
  ASSERT_EQ(remarks.size(), 3U);
  EXPECT_EQ(remarks[0].text, "config key 'alpha' is not read");
  EXPECT_EQ(remarks[1].text, "config key 'beta' is not read");
  EXPECT_EQ(remarks[1].processes, 2);
  EXPECT_EQ(remarks[2].text, "moved by 3.25 to 12 %");
  EXPECT_EQ(remarks[2].processes, 2);
}

TEST_F(ViewsTest, RemarksOfTheSubjectWithOtherNumbersAreOthers) {
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1");
  WorkerReply reply = timed(2, 4);
  reply.events = {{"warning", "data_altered", "line 1 was left out"},
                  {"warning", "data_altered", "line 7 was left out"}};
  store_.add_process(attempt, make_process("time", 0), reply, test_metrics());
  store_.finish_attempt(attempt, {});
  const std::vector<Remark> remarks = store_.remarks("demo");
  ASSERT_EQ(remarks.size(), 2U);
  EXPECT_EQ(remarks[0].text, "line 1 was left out");
  EXPECT_EQ(remarks[1].text, "line 7 was left out");
}

TEST_F(ViewsTest, OverheadIsSummedOverTheProcessesOfTheNewestPlan) {
  EXPECT_FALSE(store_.harness_overhead("demo").has_value());
  const std::int64_t attempt = store_.begin_attempt(experiment_, dense_time_.key, "s1");
  for (const int order : {0, 1}) {
    ProcessRecord process = make_process("time", order);
    process.wall_seconds = 10;
    process.start_seconds = 0.5;
    process.between_seconds = 0.25;
    process.parent_cpu_seconds = 0.125;
    WorkerReply reply = timed(2, 4);
    reply.samples.push_back({"process/load", 0, 2.0 + order, false});
    store_.add_process(attempt, process, reply, test_metrics());
  }
  store_.finish_attempt(attempt, {});
  const HarnessOverhead overhead = store_.harness_overhead("demo").value();
  EXPECT_EQ(overhead.processes, 2);
  EXPECT_DOUBLE_EQ(overhead.wall, 20);
  EXPECT_DOUBLE_EQ(overhead.start, 1);
  EXPECT_DOUBLE_EQ(overhead.load, 5);
  EXPECT_DOUBLE_EQ(overhead.between, 0.5);
  EXPECT_DOUBLE_EQ(overhead.parent_cpu, 0.25);
}

TEST_F(ViewsTest, ItemScoresArePaired) {
  WorkerReply reply = reply_with("token_ppl", 20);
  reply.items = {{0, "h0", true, 2.0, 1.5, std::nullopt, 7, "o", {{"correct_norm", 1}}},
                 {1, "h1", std::nullopt, std::nullopt, 2.5, 0.25, 8, "p"}};
  run_cell(store_, experiment_, dense_score_, "s", "score", reply);
  EXPECT_THAT(rows("SELECT method, item, item_hash, correct, score, nll, kld, tokens, "
                   "extra ->> 'correct_norm' FROM item_scores"),
              ElementsAre("dense|0|h0|1|2.0|1.5|-|7|1.0", "dense|1|h1|-|-|2.5|0.25|8|-"));
}

TEST_F(ViewsTest, ATimeFromAnotherSessionIsNoTwin) {
  run_cell(store_, experiment_, dense_time_, "s1", "time", timed(2, 4));
  run_cell(store_, experiment_, wanda_time_, "s2", "time", timed(1, 2));
  const std::string ratio =
      "SELECT twin_value, ratio FROM results WHERE method = 'wanda' AND "
      "suite = 'decode'";
  EXPECT_THAT(rows(ratio), ElementsAre("-|-"));
  run_cell(store_, experiment_, dense_time_, "s2", "time", timed(3, 3));
  EXPECT_THAT(rows(ratio), ElementsAre("3.0|0.5"));
  // A later session of the twin alone does not touch the pair.
  run_cell(store_, experiment_, dense_time_, "s3", "time", timed(9, 9));
  EXPECT_THAT(rows(ratio), ElementsAre("3.0|0.5"));
}

TEST_F(ViewsTest, AFailedTwinGivesNoRatio) {
  run_cell(store_, experiment_, dense_score_, "s", "score", reply_with("token_ppl", 20),
           Outcome::kInvalid);
  run_cell(store_, experiment_, wanda_score_, "s", "score", reply_with("token_ppl", 25));
  EXPECT_THAT(rows("SELECT value, ratio FROM results WHERE method = 'wanda' AND suite = 'ppl'"),
              ElementsAre("25.0|-"));
  run_cell(store_, experiment_, dense_score_, "s", "score", reply_with("token_ppl", 0));
  EXPECT_THAT(rows("SELECT twin_value, ratio FROM results WHERE method = 'wanda' AND suite = "
                   "'ppl'"),
              ElementsAre("0.0|-"));
}

TEST_F(ViewsTest, OnlyTheNewestPlanOfANameIsShown) {
  run_cell(store_, experiment_, dense_score_, "s", "score", reply_with("token_ppl", 20));
  const std::int64_t second = add("demo", "another title");
  EXPECT_TRUE(store_.reuse(second, dense_score_.key));
  EXPECT_THAT(rows("SELECT count(*) FROM results WHERE value = 20"), ElementsAre("1"));
  EXPECT_THAT(rows("SELECT count(*) FROM results_history WHERE value = 20"), ElementsAre("2"));
  add("other");
  EXPECT_EQ(store_.results("").size(), 10U);
  EXPECT_EQ(store_.results("demo").size(), 5U);
  EXPECT_EQ(store_.results("").front().experiment, "demo");
}

// The queries that docs/formats/database.md shows.
std::vector<std::string> documented_queries() {
  const std::string text = read_text_file(source_dir() / "docs/formats/database.md");
  const std::string start = "```sql\n";
  std::vector<std::string> queries;
  for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at)) {
    at += start.size();
    queries.push_back(text.substr(at, text.find("```", at) - at));
  }
  return queries;
}

TEST_F(ViewsTest, TheDocumentedQueriesWork) {
  run_cell(store_, experiment_, dense_score_, "s", "score", reply_with("token_ppl", 20));
  run_cell(store_, experiment_, wanda_score_, "s", "score", reply_with("token_ppl", 25));
  run_cell(store_, experiment_, dense_time_, "s1", "time", timed(2, 4));
  run_cell(store_, experiment_, wanda_time_, "s1", "time", timed(1, 2));
  const std::vector<std::string> queries = documented_queries();
  ASSERT_EQ(queries.size(), 2U);
  EXPECT_THAT(rows(queries[0]),
              ElementsAre("tiny|decode|decode/token_latency|wanda|{\"sparsity\":0.5}|1.5|s|2.0",
                          "tiny|ppl|token_ppl|wanda|{\"sparsity\":0.5}|25.0||0.8"));
  EXPECT_THAT(rows(queries[1]),
              ElementsAre("dense|{}|decode/token_latency|0|3.0|2",
                          "wanda|{\"sparsity\":0.5}|decode/token_latency|0|1.5|2"));
}

TEST_F(ViewsTest, ResultsOfTheProgramAreThoseOfTheView) {
  run_cell(store_, experiment_, dense_score_, "s", "score", reply_with("token_ppl", 20));
  run_cell(store_, experiment_, wanda_score_, "s", "score", reply_with("token_ppl", 25));
  const std::vector<ResultRow> found = store_.results("demo");
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[1].ratio, 1.25);
  EXPECT_EQ(found[1].metric, "token_ppl");
  EXPECT_EQ(found[1].direction, -1);
  EXPECT_EQ(found[1].convention, "windows of 256");
  EXPECT_EQ(found[1].n, 10);
  EXPECT_EQ(found[1].lo, 24);
  EXPECT_EQ(found[2].status, "QUEUED");
  EXPECT_FALSE(found[2].value);
  EXPECT_EQ(found[2].cell_key, dense_time_.key);
}

}  // namespace
}  // namespace assay
