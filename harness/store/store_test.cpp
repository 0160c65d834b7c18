#include "harness/store/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  std::int64_t add_plan(const std::string& name = "demo") {
    return store_.add_experiment(name, {{"name", name}, {"title", "A \"title\""}}, 0, false,
                                 {dense_, wanda_});
  }
  std::int64_t count(const std::string& table) {
    SQLite::Database database((folder_.path() / "r.db").string());
    return database.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }

  TemporaryFolder folder_;
  Store store_ = Store::open(folder_.path() / "r.db");
  PlannedCell dense_ = make_cell(0, "dense", "ppl");
  PlannedCell wanda_ = make_cell(1, "wanda", "ppl", &dense_);
};

TEST_F(StoreTest, TheSamePlanAgainIsTheStoredOne) {
  const std::int64_t first = add_plan();
  EXPECT_EQ(add_plan(), first);
  EXPECT_NE(add_plan("other"), first);
  EXPECT_EQ(count("plan_cell"), 4);
  const std::int64_t changed = store_.add_experiment("demo", {{"name", "demo"}, {"title", "new"}},
                                                     0, false, {dense_, wanda_});
  EXPECT_NE(changed, first);
  EXPECT_EQ(store_.experiment_config("demo").at("title"), "new");
  EXPECT_EQ(add_plan(), first);  // back to the first file: it is the newest again
  EXPECT_EQ(store_.experiment_config("demo").at("title"), "A \"title\"");
  EXPECT_THAT(store_.experiments(), ElementsAre("other", "demo"));
}

TEST_F(StoreTest, AKeyThatIsNotTheHashOfItsDocumentIsABug) {
  wanda_.key = "0123";
  EXPECT_THROW(add_plan(), std::logic_error);
  EXPECT_EQ(count("experiment"), 0);
}

TEST_F(StoreTest, AnAttemptGoesFromRunningToOneFinalStatus) {
  const std::int64_t experiment = add_plan();
  EXPECT_FALSE(store_.final_outcome(dense_.key));
  const std::int64_t attempt = store_.begin_attempt(experiment, dense_.key, "s");
  EXPECT_FALSE(store_.final_outcome(dense_.key));
  EXPECT_THROW(store_.finish_attempt(attempt, {Outcome::kRunning, "", ""}), std::logic_error);
  store_.finish_attempt(attempt, {Outcome::kCrashed, "signal:SIGSEGV", "it fell"});
  EXPECT_THROW(store_.finish_attempt(attempt, {Outcome::kOk, "", ""}), std::logic_error);
  const auto outcome = store_.final_outcome(dense_.key);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->outcome, Outcome::kCrashed);
  EXPECT_EQ(outcome->code, "signal:SIGSEGV");
  EXPECT_EQ(outcome->text, "it fell");
  EXPECT_THROW((void)store_.begin_attempt(experiment, "no such key", "s"), std::exception);
}

TEST_F(StoreTest, AnInterruptedAttemptDoesNotHideAnOlderResult) {
  const std::int64_t experiment = add_plan();
  run_cell(store_, experiment, dense_, "s1", "score", reply_with("token_ppl", 20));
  run_cell(store_, experiment, dense_, "s2", "score", {}, Outcome::kInterrupted);
  EXPECT_EQ(store_.final_outcome(dense_.key)->outcome, Outcome::kOk);
  EXPECT_EQ(store_.results("demo").front().value, 20);
}

TEST_F(StoreTest, NanAndInfinityAreRefusedAndNothingIsKept) {
  const std::int64_t attempt = store_.begin_attempt(add_plan(), dense_.key, "s");
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(store_.add_process(attempt, make_process("score"), reply_with("token_ppl", bad),
                                    test_metrics()),
                 std::invalid_argument);
    WorkerReply reply;
    reply.samples = {{"decode/token_latency", 0, 1.0, false},
                     {"decode/token_latency", 1, bad, false}};
    EXPECT_THROW(store_.add_process(attempt, make_process("time"), reply, test_metrics()),
                 std::invalid_argument);
  }
  EXPECT_EQ(count("process_run"), 0);
  EXPECT_EQ(count("sample"), 0);
  EXPECT_EQ(count("metric_value"), 0);
}

TEST_F(StoreTest, TheSameMetricWithAnotherUnitIsABug) {
  const std::int64_t experiment = add_plan();
  run_cell(store_, experiment, dense_, "s", "score", reply_with("token_ppl", 20));
  const std::int64_t attempt = store_.begin_attempt(experiment, wanda_.key, "s");
  auto changed = test_metrics();
  changed[0].unit = "nats";
  EXPECT_THROW(store_.add_metrics(attempt, reply_with("token_ppl", 2).metrics, changed),
               std::logic_error);
}

TEST_F(StoreTest, AnotherExperimentWithTheSameCellsReusesAttempts) {
  const std::int64_t first = add_plan();
  run_cell(store_, first, dense_, "s", "score", reply_with("token_ppl", 20));
  const std::int64_t second = add_plan("second");
  EXPECT_EQ(store_.results("second").front().status, "QUEUED");
  EXPECT_TRUE(store_.reuse(second, dense_.key));
  EXPECT_TRUE(store_.reuse(second, dense_.key));  // already linked
  EXPECT_FALSE(store_.reuse(second, wanda_.key));
  EXPECT_EQ(store_.results("second").front().value, 20);
  EXPECT_EQ(store_.results("second").back().status, "QUEUED");
  EXPECT_EQ(count("attempt"), 1);
}

TEST_F(StoreTest, SummariesOfTheParentReplaceThoseOfAProcess) {
  const std::int64_t attempt = store_.begin_attempt(add_plan(), dense_.key, "s");
  store_.add_process(attempt, make_process("score"), reply_with("token_ppl", 20), test_metrics());
  store_.add_metrics(attempt, reply_with("token_ppl", 21).metrics, test_metrics());
  store_.finish_attempt(attempt, {});
  EXPECT_EQ(store_.results("demo").front().value, 21);
}

TEST_F(StoreTest, AnAbsentValueKeepsItsReason) {
  const std::int64_t attempt = store_.begin_attempt(add_plan(), dense_.key, "s");
  MetricValue absent;
  absent.tag = "token_ppl";
  absent.null_reason = "too few windows";
  store_.add_metrics(attempt, {absent}, test_metrics());
  store_.finish_attempt(attempt, {});
  const ResultRow row = store_.results("demo").front();
  EXPECT_EQ(row.status, "OK");
  EXPECT_EQ(row.metric, "token_ppl");
  EXPECT_FALSE(row.value);
  EXPECT_EQ(row.reason, "too few windows");
}

TEST_F(StoreTest, TextSurvivesQuotesNewlinesAndOtherAlphabets) {
  const std::string nasty = "'; DROP TABLE attempt; -- \"x\"\n\tя 漢字 \xF0\x9F\x90\x98";
  wanda_.params_json = Json({{"pattern", nasty}}).dump();
  const std::int64_t experiment = add_plan();
  const std::int64_t attempt = store_.begin_attempt(experiment, wanda_.key, "s");
  ProcessRecord process = make_process("score");
  process.stderr_tail = nasty + "\xE6\xBC";  // a log cut inside a character
  WorkerReply reply;
  reply.events.push_back({"warning", "odd", nasty});
  store_.add_process(attempt, process, reply, {});
  store_.finish_attempt(attempt, {Outcome::kCrashed, "error", nasty});
  const ResultRow row = store_.results("demo").back();
  EXPECT_EQ(row.reason, nasty);
  EXPECT_EQ(Json::parse(row.params).at("pattern"), nasty);
  SQLite::Database database((folder_.path() / "r.db").string());
  EXPECT_EQ(database.execAndGet("SELECT text FROM event").getString(), nasty);
  EXPECT_EQ(database.execAndGet("SELECT stderr_tail FROM process_run").getString(),
            nasty + "\xEF\xBF\xBD");
}

TEST_F(StoreTest, FingerprintsComeBackExactly) {
  EXPECT_FALSE(store_.fingerprint("subject"));
  store_.set_fingerprint("subject", {{0.1, -1e-300, 3}});
  store_.set_fingerprint("subject", {{0.1, 1.0 / 3}});
  EXPECT_THAT(store_.fingerprint("subject")->values, ElementsAre(0.1, 1.0 / 3));
}

TEST_F(StoreTest, MachineChecksAreKeptByProfileNewestFirst) {
  EXPECT_TRUE(store_.machine_checks("cpu").empty());
  store_.add_machine_check("cpu", {{"noise", 0.1}});
  store_.add_machine_check("other", {{"noise", 0.2}});
  store_.add_machine_check("cpu", {{"noise", 0.3}});
  EXPECT_THAT(store_.machine_checks("cpu"),
              ElementsAre(Json{{"noise", 0.3}}, Json{{"noise", 0.1}}));
}

TEST_F(StoreTest, EnvironmentsAreListedOnce) {
  const std::int64_t experiment = add_plan();
  run_cell(store_, experiment, dense_, "s", "score", reply_with("token_ppl", 20));
  run_cell(store_, experiment, wanda_, "s", "score", reply_with("token_ppl", 21));
  EXPECT_THAT(store_.environments("demo"), ElementsAre(Json{{"torch", "2.11.0"}}));
  EXPECT_TRUE(store_.environments("none").empty());
}

TEST_F(StoreTest, MeasuredKeysAreThoseOfFinishedCells) {
  const std::int64_t experiment = add_plan();
  EXPECT_TRUE(store_.measured_keys("wanda", "ppl").empty());
  run_cell(store_, experiment, wanda_, "s", "score", reply_with("token_ppl", 21));
  EXPECT_THAT(store_.measured_keys("wanda", "ppl"), ElementsAre(wanda_.key_doc));
  EXPECT_TRUE(store_.measured_keys("dense", "ppl").empty());
}

TEST_F(StoreTest, AnUnknownExperimentIsNamedWithThoseThatExist) {
  add_plan("wanda-gate");
  try {
    (void)store_.experiment_config("wanda-gat");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown experiment 'wanda-gat'; did you mean "
                                        "'wanda-gate'? known: wanda-gate"));
  }
}

}  // namespace
}  // namespace assay
