// `assay import`: what our own reports write comes back with the same values, and everything that
// came out of a file says so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kMethod = "[[method]]\nid = \"pretend\"\nends = \"well\"\n";

/// A measured database, and what becomes of its reports.
class RoundTrip : public testing::Test {
 protected:
  void SetUp() override {
    world_.write("e.toml", experiment_text(kMethod, kSuites));
    ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0);
  }
  /// Results of a database as `report --format json` has them.
  [[nodiscard]] Json results(const std::string& database) const {
    const CommandOutput report = world_.run({"report", database, "--format", "json"});
    EXPECT_EQ(report.code, 0) << report.err;
    return Json::parse(report.out).at("experiments").at(0).at("results");
  }
  /// Writes a report, imports it into i.db and gives its results.
  [[nodiscard]] Json through(const std::string& format, const std::string& file) const {
    EXPECT_EQ(world_.run({"report", "results.db", "--format", format, "-o", file}).code, 0);
    const CommandOutput done = world_.run({"import", file, "--db", "i.db"});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr(file));
    return results("i.db");
  }

  CliWorld world_;
};

TEST_F(RoundTrip, EveryValueOfTheCsv) {
  const auto values = [](const Json& rows) {
    std::map<std::vector<std::string>, Json> found;
    for (const Json& row : rows) {
      found[{row.at("method"), row.at("params").dump(), row.at("suite"), row.at("metric")}] = {
          row.at("value"), row.at("lo"),        row.at("hi"),    row.at("n"),
          row.at("unit"),  row.at("direction"), row.at("status")};
    }
    return found;
  };
  const auto before = values(results("results.db"));
  EXPECT_EQ(before.size(), 4U) << "two methods, two suites";
  EXPECT_EQ(values(through("csv", "r.csv")), before);
}

TEST_F(RoundTrip, EveryTimeOfTheBenchmarkFormat) {
  const Json imported = through("benchmark", "b.json");
  std::map<std::string, std::vector<double>> written;
  const Json file = Json::parse(read_text_file(world_ / "b.json"));
  for (const Json& entry : file.at("benchmarks")) {
    written[entry.at("name")].push_back(entry.at("real_time").get<double>() * 1e-9);
  }
  ASSERT_EQ(imported.size(), written.size());
  std::map<std::string, double> measured;
  for (const Json& row : results("results.db")) {
    if (row.at("value").is_null()) continue;
    const std::string setting = row.at("method") == "dense" ? "/dense/" : "/pretend";
    if (row.at("suite") == "decode") {
      measured[setting + row.at("metric").get<std::string>()] = row.at("value").get<double>();
    }
  }
  for (const Json& row : imported) {
    const std::string name = row.at("suite");
    EXPECT_EQ(row.at("metric"), "real_time");
    EXPECT_EQ(row.at("n"), written.at(name).size()) << name;
    const bool dense = name.find("/dense/") != std::string::npos;
    const std::string metric = "decode/token_latency";
    if (!name.ends_with("/" + metric)) continue;
    EXPECT_NEAR(
        row.at("value").get<double>() / measured.at((dense ? "/dense/" : "/pretend") + metric), 1,
        1e-12);
  }
}

/// Of scores that were imported themselves: the worker that pretends declares none.
TEST(Import, EveryScoreOfTheLmEvalFormat) {
  const CliWorld world;
  world.write("s.csv",
              "model,method,params.sparsity,suite,suite.shots,metric,direction,value,n,status\n"
              "net,dense,,piqa,5,acc,1,0.7251,1838,\n"
              "net,dense,,words,0,word_perplexity,-1,12.34567890123,62,\n"
              "net,wanda,0.5,piqa,5,acc,1,0.1,1838,\n"
              "net,wanda,0.6,piqa,5,,,,,OOM\n");
  ASSERT_EQ(world.run({"import", "s.csv", "--db", "s.db"}).code, 0);
  ASSERT_EQ(world.run({"report", "s.db", "--format", "lm-eval", "-o", "l.json"}).code, 0);
  const CommandOutput done = world.run({"import", "l.json", "--db", "i.db"});
  ASSERT_EQ(done.code, 0) << done.err;
  const auto values = [&](const std::string& database) {
    std::map<std::vector<std::string>, Json> found;
    const Json report = Json::parse(world.run({"report", database, "--json"}).out);
    for (const Json& row : report.at("experiments").at(0).at("results")) {
      found[{row.at("method"), row.at("params").dump(), row.at("suite"),
             row.at("suite_params").dump(), row.at("metric")}] = {
          row.at("value"), row.at("n"), row.at("direction"), row.at("status"), row.at("model")};
    }
    return found;
  };
  EXPECT_EQ(values("s.db").size(), 4U);
  EXPECT_EQ(values("i.db"), values("s.db"));
}

TEST_F(RoundTrip, TheFileIsNamedInEveryReport) {
  (void)through("benchmark", "b.json");
  for (const char* format : {"terminal", "md", "tex", "html", "json", "csv"}) {
    const std::string text = world_.run({"report", "i.db", "--format", format}).out;
    EXPECT_THAT(unfolded(text), HasSubstr("b.json (")) << format;
  }
  EXPECT_THAT(world_.run({"report", "results.db"}).out, Not(HasSubstr("came out of the file")));
}

TEST_F(RoundTrip, SoIsTheFileOfAnotherDatabase) {
  ASSERT_EQ(world_.shell("assay db export results.db > other.jsonl").code, 0);
  ASSERT_EQ(world_.run({"db", "import", "i.db", "other.jsonl"}).code, 0);
  const std::string text = world_.run({"report", "i.db", "--format", "md"}).out;
  EXPECT_THAT(text, AllOf(HasSubstr("4 of 4 cells came out of the file other.jsonl ("),
                          Not(HasSubstr("IMPORTED"))));
  for (const Json& row : results("i.db")) {
    EXPECT_THAT(row.at("origin").get<std::string>(), HasSubstr("other.jsonl ("));
  }
  // Saved as a baseline, it still says where it is from.
  ASSERT_EQ(world_.run({"baseline", "save", "main", "--commit", "1", "--db", "i.db"}).code, 0);
  EXPECT_THAT(world_.run({"report", "baselines.db"}).out, HasSubstr("other.jsonl"));
}

TEST(Import, SaysWhatItLeavesOut) {
  const CliWorld world;
  world.write("b.json",
              R"({"context": {"executable": "./bench"}, "benchmarks": [
                {"name": "BM_a", "run_name": "BM_a", "run_type": "iteration", "iterations": 3,
                 "real_time": 2.5, "cpu_time": 2.5, "time_unit": "us"},
                {"name": "BM_a_mean", "run_name": "BM_a", "run_type": "aggregate",
                 "aggregate_name": "mean", "iterations": 1,
                 "real_time": 2.5, "cpu_time": 2.5, "time_unit": "us"}]})");
  const CommandOutput done = world.run({"import", "b.json"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out,
            "b: 1 cells with 2 values and 0 gaps from b.json (google-benchmark)\n"
            "  left out: 1 aggregates, which were computed from the repetitions\n");
  world.write("x.json", R"({"experiments": []})");
  const CommandOutput other = world.run({"import", "x.json", "--db", "x.db"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("formats: csv, google-benchmark, lm-eval"));
  EXPECT_EQ(world.run({"import", "b.json", "--format", "gogle", "--db", "x.db"}).code, 2);
  EXPECT_EQ(world.run({"import", "b.json", "--format", "csv", "--db", "x.db"}).code, 2);
}

}  // namespace
}  // namespace assay
