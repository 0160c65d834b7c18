// A database as JSON Lines and back.

#include "harness/store/exchange.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "harness/base/errors.h"
#include "harness/store/database_check.h"
#include "harness/store/records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    Store store = Store::open(file_);
    store.use_machine("m", "a machine");
    const PlannedCell dense = make_cell(0, "dense", "text");
    const PlannedCell timed = make_cell(1, "wanda", "decode", &dense);
    const auto first = store.add_experiment("old", {{"title", "a \"b\"\n"}}, 7, true, {dense});
    WorkerReply score = reply_with("token_ppl", 0.1);
    ItemScore item;
    item.item_hash = "h\u00e4\u202e";
    item.nll = 1.0 / 3;
    item.values = {{"own", 5e-324}};
    score.items = {item};
    score.events = {{"warning", "said", "text with \t and \u2028"}};
    run_cell(store, first, dense, "s", "score", score);
    const auto second = store.add_experiment("new", {{"title", "2"}}, 0, false, {dense, timed});
    store.reuse(second, dense.key);
    run_cell(store, second, timed, "s", "time", {}, Outcome::kCrashed);
    WorkerReply times;
    for (int i = 0; i < 9; ++i) {
      times.samples.push_back({"decode/token_latency", i, 1e-3 * i + 1e-17, i < 2});
      times.samples.push_back({"process/load", i, 1e300 * i, false});
    }
    run_cell(store, second, timed, "s", "time", times);
    store.set_fingerprint("subject", {{1.5, -0.0}});
  }

  std::string exported(const std::filesystem::path& path, const std::string& experiment = "") {
    std::string text;
    export_lines(path, experiment, [&](const Json& line) { text += line.dump() + "\n"; });
    return text;
  }
  std::string error_of(const std::string& text) {
    std::ofstream(folder_.path() / "x.jsonl") << text;
    try {
      import_lines(folder_.path() / "x.jsonl", folder_.path() / "into.db");
    } catch (const UserError& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "r.db";
};

TEST_F(ExchangeTest, ARoundTripGivesEqualBytesAndAWholeDatabase) {
  const std::string text = exported(file_);
  EXPECT_EQ(error_of(text), "nothing was thrown");
  EXPECT_EQ(exported(folder_.path() / "into.db"), text);
  const DatabaseCheck check = check_database(folder_.path() / "into.db");
  EXPECT_TRUE(check.findings.empty()) << check.findings.front().found;
  EXPECT_EQ(check.held, 3);
  const Store store = Store::open_read_only(folder_.path() / "into.db");
  EXPECT_EQ(store.cell_records("new").at(0).items.at(0).values.at("own"), 5e-324);
}

TEST_F(ExchangeTest, TwiceChangesNothing) {
  const std::string text = exported(file_);
  EXPECT_EQ(error_of(text), "nothing was thrown");
  std::ofstream(folder_.path() / "again.jsonl") << text;
  const ImportedLines counts =
      import_lines(folder_.path() / "again.jsonl", folder_.path() / "into.db");
  EXPECT_EQ(counts.attempts, 0);
  EXPECT_EQ(counts.known_attempts, 3);
  EXPECT_EQ(exported(folder_.path() / "into.db"), text);
}

TEST_F(ExchangeTest, OneExperimentAlone) {
  const std::string text = exported(file_, "old");
  EXPECT_THAT(text, testing::Not(HasSubstr("wanda")));
  EXPECT_EQ(error_of(text), "nothing was thrown");
  EXPECT_EQ(exported(folder_.path() / "into.db"), exported(folder_.path() / "into.db", "old"));
  EXPECT_THROW(exported(file_, "nosuch"), UserError);
}

TEST_F(ExchangeTest, EveryLineIsStrictJsonWithTheRawSamples) {
  std::istringstream lines(exported(file_));
  std::size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json document = Json::parse(line);
    if (document.at("type") != "attempt") continue;
    EXPECT_EQ(document.at("cell").at("model"), "tiny");
    for (const Json& series : document.at("sample")) samples += series.at("value").size();
  }
  EXPECT_EQ(samples, 18U);
}

TEST_F(ExchangeTest, WhatIsMalformedIsRefusedWithItsPlaceAndNothingIsStored) {
  const std::string text = exported(file_);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    const std::size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return other.replace(at, from.size(), to);
  };
  EXPECT_THAT(error_of(text.substr(0, text.size() / 2)), HasSubstr("x.jsonl:"));
  EXPECT_THAT(error_of(text.substr(0, text.rfind("{\"lines\""))),
              HasSubstr("the file ends before its last line"));
  EXPECT_THAT(error_of(changed("0.3333333333333333", "NaN")), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(changed("0.3333333333333333", "0.3333333333333334")),
              HasSubstr("the attempt is not what was exported: its checksum differs"));
  EXPECT_THAT(error_of(changed("\"sparsity\\\":0.5", "\"sparsity\\\":0.7")),
              HasSubstr("the plan is not what was exported"));
  EXPECT_THAT(error_of(changed("\"title\":\"2\"", "\"title\":\"3\"")),
              HasSubstr("another hash than it says"));
  EXPECT_THAT(error_of(changed("\"process_no\":0", "\"process_no\":\"word\"")),
              HasSubstr("x.jsonl:"));
  EXPECT_THAT(error_of(changed("\"type\":\"metric\"", "\"type\":\"matric\"")),
              HasSubstr("unknown type 'matric'"));
  EXPECT_THAT(error_of(std::string("{\"a\":") + std::string(100000, '[')),
              HasSubstr("to more than 128 levels"));
  EXPECT_THAT(error_of("{\"type\":\"end\"}\n"), HasSubstr("is no export of `assay db export`"));
  EXPECT_THAT(error_of("model,method\n"), HasSubstr("`assay import` reads CSV"));
  EXPECT_TRUE(Store::open(folder_.path() / "into.db").experiments().empty());
}

TEST_F(ExchangeTest, OtherContentUnderTheSameIdentityIsAConflict) {
  const std::string text = exported(file_);
  EXPECT_EQ(error_of(text), "nothing was thrown");
  SQLite::Database((folder_.path() / "into.db").string(), SQLite::OPEN_READWRITE)
      .exec("UPDATE metric_value SET value = 7");
  EXPECT_THAT(error_of(text), HasSubstr("with other content; nothing was imported"));
}

}  // namespace
}  // namespace assay
