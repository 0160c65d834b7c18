// `assay breakeven` and `assay speedup` from end to end, with a worker whose method `folds` is as
// fast as dense at batch 5, or with a fallback of 0.4.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class BreakEvenCommand : public testing::Test {
 protected:
  BreakEvenCommand() {
    world_.write("e.toml",
                 experiment_text("[[method]]\nid = \"folds\"\n", "[[suite]]\nid = \"decode\"\n"));
  }
  [[nodiscard]] CommandOutput search(std::vector<std::string> more) const {
    std::vector<std::string> words{"breakeven", "e.toml", "--processes", "4"};
    words.insert(words.end(), more.begin(), more.end());
    return world_.run(words);
  }
  CliWorld world_;
};

TEST_F(BreakEvenCommand, BracketsTheBatchAndRunsNothingTwice) {
  const std::vector<std::string> batch{"--over", "batch", "--from", "1", "--to", "16", "--json"};
  const CommandOutput first = search(batch);
  ASSERT_EQ(first.code, 0) << first.err;
  const Json found = Json::parse(first.out);
  EXPECT_EQ(found.at("answer"), "crossings");
  EXPECT_EQ(found.at("of"), "suite");
  ASSERT_EQ(found.at("crossings").size(), 1U);
  // 1 2 4 8 16, then 6, then 5, where both take the same time.
  EXPECT_EQ(found.at("crossings").at(0).at("from"), 4);
  EXPECT_EQ(found.at("crossings").at(0).at("to"), 6);
  EXPECT_EQ(found.at("crossings").at(0).at("undecided"), Json({5}));
  EXPECT_EQ(found.at("points").size(), 7U);
  EXPECT_NEAR(found.at("points").at(0).at("measured").get<double>(), 1 / 0.6, 1e-9);
  EXPECT_EQ(found.at("points").at(0).at("pairs"), 4);
  const CommandOutput again = search(batch);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(again.err, Not(HasSubstr("decode/token_latency"))) << "no cell was run again";
}

TEST_F(BreakEvenCommand, FindsASettingOfTheMethod) {
  const std::vector<std::string> fallback{"--over", "fallback", "--from",      "0",   "--to",
                                          "0.8",    "--json",   "--tolerance", "0.06"};
  const CommandOutput first = search(fallback);
  ASSERT_EQ(first.code, 0) << first.err;
  const Json found = Json::parse(first.out);
  EXPECT_EQ(found.at("of"), "method");
  ASSERT_EQ(found.at("crossings").size(), 1U);
  const Json& crossing = found.at("crossings").at(0);
  EXPECT_EQ(crossing.at("before"), "faster");
  EXPECT_LE(crossing.at("from").get<double>(), 0.4);
  EXPECT_GE(crossing.at("to").get<double>(), 0.4);
  // Dense was timed again for each point; each keeps the twin of its own session.
  EXPECT_EQ(search(fallback).out, first.out);
}

TEST_F(BreakEvenCommand, SaysWhereThereIsNone) {
  const CommandOutput always = search({"--over", "batch", "--from", "1", "--to", "3"});
  EXPECT_EQ(always.code, 0) << always.err;
  EXPECT_THAT(always.out, AllOf(HasSubstr("folds against dense: decode/token_latency"),
                                HasSubstr("faster at every point tried for batch from 1 to 3")));
  const CommandOutput never = search({"--over", "batch", "--from", "6", "--to", "16"});
  EXPECT_EQ(never.code, 0);
  EXPECT_THAT(never.out, HasSubstr("never faster"));
  const CommandOutput open = search({"--over", "batch", "--from", "4", "--to", "5"});
  EXPECT_EQ(open.code, 4);
  EXPECT_THAT(open.out, HasSubstr("undecided at 5"));
}

TEST_F(BreakEvenCommand, PointsBecomeAnExperimentForReports) {
  ASSERT_EQ(search({"--over", "batch", "--from", "1", "--to", "4"}).code, 0);
  const CommandOutput report =
      world_.run({"report", "results.db", "--experiment", "small.breakeven.folds.batch"});
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(report.out, AllOf(HasSubstr("batch=1"), HasSubstr("batch=4")));
}

TEST_F(BreakEvenCommand, AFailedPointIsThree) {
  world_.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\nends = \"segv\"\n",
                                         "[[suite]]\nid = \"decode\"\n"));
  const CommandOutput result = search({"--over", "batch", "--from", "1", "--to", "2"});
  EXPECT_EQ(result.code, 3) << result.out;
  EXPECT_THAT(result.out, HasSubstr("CRASHED"));
}

TEST_F(BreakEvenCommand, BadInputIsTwoAndRunsNothing) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--over", "btach", "--from", "1", "--to", "4"},
      {"--over", "batch", "--from", "0", "--to", "4"},
      {"--over", "batch", "--from", "1.5", "--to", "4"},
      {"--over", "batch", "--from", "4", "--to", "1"},
      {"--over", "batch", "--from", "1", "--to", "4", "--at", "8"},
      {"--over", "fallback", "--from", "0", "--to", "1"},
      {"--over", "batch", "--from", "1", "--to", "4", "--method", "wanda"},
      {"--over", "batch", "--from", "1", "--to", "4", "--metric", "decode/nothing"},
      {"--over", "batch", "--from", "1", "--to", "4", "--suite", "prefill"},
      {"--over", "batch", "--from", "1"}};
  for (const auto& words : wrong) EXPECT_EQ(search(words).code, 2) << words[1] << words.back();
  EXPECT_THAT(search(wrong[0]).err, HasSubstr("did you mean 'batch'"));
  world_.write("e.toml", experiment_text("[[method]]\nid = \"folds\"\nfallback = [0.0, 0.5]\n",
                                         "[[suite]]\nid = \"decode\"\n"));
  const CommandOutput several = search({"--over", "batch", "--from", "1", "--to", "4"});
  EXPECT_EQ(several.code, 2);
  EXPECT_THAT(several.err, HasSubstr("2 methods fit"));
  EXPECT_EQ(
      search({"--over", "batch", "--from", "1", "--to", "2", "--method", "folds:fallback=0.5"})
          .code,
      0);
  EXPECT_EQ(search({"--over", "fallback", "--from", "0", "--to", "0.5"}).code, 0)
      << "settings that differ in the axis alone are one";
}

TEST_F(BreakEvenCommand, HelpHasExamples) {
  for (const char* command : {"breakeven", "speedup"}) {
    const CommandOutput help = world_.run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example:\n  assay " + std::string(command)));
  }
}

TEST_F(BreakEvenCommand, SpeedUpsOfAnExperiment) {
  ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0);
  const CommandOutput json = world_.run({"speedup", "--json"});
  EXPECT_EQ(json.code, 0) << json.err;
  const Json rows = Json::parse(json.out).at("speed_ups");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.at(0).at("method"), "folds");
  EXPECT_NEAR(rows.at(0).at("measured").get<double>(), 1 / 0.6, 1e-9);
  EXPECT_THAT(rows.at(0).at("by_roofline").at("reason").get<std::string>(),
              HasSubstr("assay doctor"));
  const CommandOutput table = world_.run({"speedup"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("1.67x [1.67, 1.67]"), HasSubstr("assay doctor")));
  world_.write("e.toml", experiment_text("", "[[suite]]\nid = \"decode\"\n"));
  ASSERT_EQ(world_.run({"run", "e.toml", "--db", "dense.db"}).code, 0);
  const CommandOutput none = world_.run({"speedup", "--db", "dense.db"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.out, HasSubstr("no compressed cell was timed"));
}

}  // namespace
}  // namespace assay
