// What a reader must know beside a value: remarks of workers, and why there is no interval.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kMethod = "[[method]]\nid = \"pretend\"\nends = \"well\"\n";
constexpr const char* kAltered = "data_altered: differs from the pinned content";

TEST(Remarks, StandBesideTheirResultsInEveryFormat) {
  const CliWorld world;
  world.write("home/remarks", "data_altered differs from the pinned content\n");
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const auto report = [&](const std::string& format) {
    return world.run({"report", "results.db", "--format", format}).out;
  };
  EXPECT_THAT(report("terminal"),
              AllOf(ContainsRegex("20\\.00 +\\[1\\]"), HasSubstr(std::string("[1] ") + kAltered)));
  EXPECT_THAT(report("md"),
              AllOf(HasSubstr(R"(20.00 \[1\])"), HasSubstr(std::string("1. ") + kAltered)));
  EXPECT_THAT(report("tex"), HasSubstr("20.00\\textsuperscript{1}"));
  EXPECT_THAT(report("html"), HasSubstr(R"(-note-1" aria-label="note 1">1</a>)"));
  EXPECT_THAT(report("junit"), HasSubstr(std::string("<system-out>") + kAltered));
  EXPECT_THAT(report("benchmark"), HasSubstr(std::string(R"("label": ")") + kAltered));
  EXPECT_THAT(report("csv"), HasSubstr(R"(""code"":""data_altered"")"));
  const Json json = Json::parse(report("json"));
  for (const Json& row : json.at("experiments").at(0).at("results")) {
    ASSERT_FALSE(row.at("remarks").empty()) << row.dump();
    EXPECT_EQ(row.at("remarks").at(0).at("code"), "data_altered");
  }
}

TEST(Remarks, AComparisonNamesTheirSide) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml", "--db", "old.db"}).code, 0);
  world.write("home/remarks", "data_altered differs from the pinned content\n");
  ASSERT_EQ(world.run({"run", "e.toml", "--db", "new.db"}).code, 0);
  EXPECT_THAT(world.run({"compare", "old.db", "new.db"}).out,
              HasSubstr(std::string("[1] candidate: ") + kAltered));
  const CommandOutput compared = world.run({"compare", "old.db", "new.db", "--json"});
  const Json row = Json::parse(compared.out).at("rows").at(0);
  EXPECT_EQ(row.at("remarks").at(0).at("side"), "candidate");
}

/// One process of three takes 2.1 times as long as the others.
TEST(Intervals, ProcessesThatDisagreeGetAReasonInstead) {
  const CliWorld world;
  world.write("home/slowdown", "2.1 1");
  std::string experiment = experiment_text(kMethod, "[[suite]]\nid = \"decode\"\n");
  const std::string two = "processes_per_arm = 2";
  experiment.replace(experiment.find(two), two.size(), "processes_per_arm = 3");
  world.write("e.toml", experiment);
  const CommandOutput ran = world.run({"run", "e.toml"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string reason =
      "3 processes, spread 2.1x: not enough for an interval; processes_per_arm = 12";
  EXPECT_THAT(ran.err, HasSubstr(reason));
  EXPECT_THAT(ran.out, HasSubstr("no_interval: " + reason));
  const Json json = Json::parse(world.run({"report", "results.db", "--format", "json"}).out);
  int with = 0, without = 0;
  for (const Json& row : json.at("experiments").at(0).at("results")) {
    if (row.at("metric") != "decode/token_latency") continue;
    EXPECT_EQ(row.at("lo").is_null(), row.at("hi").is_null());
    if (row.at("lo").is_null()) {
      ++without;
      continue;
    }
    ++with;
    EXPECT_GT(row.at("lo").get<double>(), 0);
  }
  EXPECT_EQ(without, 1) << "the arm with the slow process";
  EXPECT_EQ(with, 1);
}

}  // namespace
}  // namespace assay
