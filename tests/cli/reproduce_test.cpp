// `assay reproduce` from end to end, with a worker that pretends: dense has a perplexity of 20,
// every other method 30, at times of 10 and 15 ms.

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

constexpr const char* kMetrics = R"([[metric]]
id = "ppl"
kind = "perplexity"
means = "perplexity of letters"
tag = "token_ppl"
suite = "letters-ppl"
convention = "tests"
[[metric]]
id = "faster"
kind = "speedup"
means = "time of dense divided by that of the method"
tag = "decode/token_latency"
[[tolerance]]
kind = "perplexity"
absolute = 0.5
why = "tests"
[[tolerance]]
kind = "speedup"
relative = 0.1
why = "tests"
)";

std::string paper(const std::string& name, const std::string& rows) {
  return "paper = \"" + name + R"("
title = "A paper"
reference = "nowhere"
[[table]]
model = "model"
dataset = "letters"
metric = "ppl"
setting = "50 %"
method = "pretend"
params = { sparsity = 0.5 }
source = "README"
evidence = "verified"
rows = [
)" + rows +
         "]\n";
}

constexpr const char* kDense =
    "{ id = \"p.dense\", setting = \"dense\", method = \"dense\", params = {}, value = 20.2 },\n";

class Reproduce : public testing::Test {
 protected:
  Reproduce() {
    world_.write("share/claims/metrics.toml", kMetrics);
    claim("{ id = \"p.half\", value = 30 },\n");
    world_.write("share/experiments/local_p.toml",
                 experiment_text("[[method]]\nid = \"pretend\"\nsparsity = 0.5\n",
                                 "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n"));
  }
  void claim(const std::string& rows) const {
    world_.write("share/claims/papers/p.toml", paper("p", kDense + rows));
  }
  void measure() const {
    const CommandOutput result = world_.run({"run", "share/experiments/local_p.toml"});
    ASSERT_EQ(result.code, 0) << result.err;
  }
  CliWorld world_;
};

TEST_F(Reproduce, EverythingComparableCameOutIsZero) {
  measure();
  const CommandOutput result = world_.run({"reproduce", "p"});
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("2 claims: 2 reproduced."), HasSubstr("results.db")));
}

TEST_F(Reproduce, AVerifiedValueThatDidNotComeOutIsOne) {
  claim("{ id = \"p.half\", value = 25 },\n");
  measure();
  const CommandOutput result = world_.run({"reproduce", "p", "--db", "results.db"});
  EXPECT_EQ(result.code, 1) << result.out;
  EXPECT_THAT(result.out, HasSubstr("differs by 5, allowed 0.5"));
}

TEST_F(Reproduce, SecondaryEvidenceCannotFailIt) {
  claim("{ id = \"p.half\", value = 25, evidence = \"secondary\" },\n");
  measure();
  const CommandOutput result = world_.run({"reproduce", "p"});
  EXPECT_EQ(result.code, 0) << "the dense value is verified and came out";
  EXPECT_THAT(result.out, HasSubstr("evidence below verified (secondary); differs by 5"));
}

TEST_F(Reproduce, ADenseModelThatDiffersMakesTheRestIncomparable) {
  world_.write("share/claims/papers/p.toml",
               paper("p",
                     "{ id = \"p.dense\", method = \"dense\", params = {}, value = 19, "
                     "evidence = \"secondary\" },\n{ id = \"p.half\", value = 30 },\n"));
  measure();
  const CommandOutput result = world_.run({"reproduce", "p"});
  EXPECT_EQ(result.code, 3) << result.out;
  EXPECT_THAT(result.out, HasSubstr("dense differs (20 here, 19 published: p.dense)"));
}

TEST_F(Reproduce, NothingComparableIsThree) {
  const CommandOutput nothing = world_.run({"reproduce", "p"});
  EXPECT_EQ(nothing.code, 3);
  EXPECT_THAT(nothing.out, HasSubstr("No database was read"));
  claim("{ id = \"p.fast\", metric = \"faster\", against = \"dense\", value = 1.5 },\n");
  world_.write("share/claims/papers/p.toml",
               paper("p",
                     "{ id = \"p.fast\", metric = \"faster\", against = \"dense\", device = "
                     "\"cuda\", value = 1.5 },\n"));
  measure();
  const CommandOutput device = world_.run({"reproduce", "p"});
  EXPECT_EQ(device.code, 3) << device.out;
  EXPECT_THAT(device.out, HasSubstr("other device (cuda, here cpu)"));
}

TEST_F(Reproduce, ARatioIsThatOfTheSameSession) {
  world_.write("share/claims/papers/p.toml",
               paper("p",
                     "{ id = \"p.fast\", metric = \"faster\", against = \"dense\", device = "
                     "\"cpu\", value = 0.67 },\n"));
  measure();
  const CommandOutput result = world_.run({"reproduce", "p", "--json"});
  EXPECT_EQ(result.code, 0) << result.out;
  EXPECT_NEAR(Json::parse(result.out).at("claims").at(0).at("here").get<double>(), 10.0 / 15, 1e-9);
}

TEST_F(Reproduce, RunFillsTheDatabaseFirst) {
  const CommandOutput result = world_.run({"reproduce", "p", "--run", "--db", "new.db", "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document.at("counts").at("reproduced"), 2);
  EXPECT_EQ(document.at("databases"), Json::array({"new.db"}));
  world_.write("share/claims/papers/q.toml", paper("q", "{ id = \"q\", value = 1 },\n"));
  const CommandOutput none = world_.run({"reproduce", "q", "--run"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("'q' has 0 experiments of scale local"));
}

TEST_F(Reproduce, ARunSaysFirstWhatItTakesAndCanBeAtThePapersScale) {
  const CommandOutput none = world_.run({"reproduce", "p", "--run", "--scale", "paper"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err,
              HasSubstr("'p' has 0 experiments of scale paper (experiments/paper_*.toml)"));
  world_.write("share/experiments/paper_p.toml",
               experiment_text("[[method]]\nid = \"pretend\"\nsparsity = 0.5\n",
                               "[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n"));
  const CommandOutput paper = world_.run({"reproduce", "p", "--run", "--scale", "paper"});
  EXPECT_EQ(paper.code, 0) << paper.err;
  EXPECT_THAT(paper.err, AllOf(HasSubstr("running "), HasSubstr("paper_p.toml"),
                               HasSubstr("of weights in fp32; the machine has "),
                               HasSubstr(" for the passes: "), HasSubstr("what 1 fit does"),
                               HasSubstr("[2/2] ")));
  EXPECT_LT(paper.err.find("for the passes"), paper.err.find("[1/2] "));
  EXPECT_EQ(world_.run({"reproduce", "p", "--scale", "paper"}).code, 2) << "of --run";
}

TEST_F(Reproduce, APlanSaysItToo) {
  const std::string file = "share/experiments/local_p.toml";
  EXPECT_THAT(world_.run({"plan", file}).out, Not(HasSubstr("for the passes")));
  EXPECT_THAT(world_.run({"plan", file, "--estimate"}).out,
              AllOf(HasSubstr("at the 1 GFLOP/s"), HasSubstr("2 timed cells")));
  const Json document = Json::parse(world_.run({"plan", file, "--estimate", "--json"}).out);
  EXPECT_GT(document.at("estimates").at(0).at("seconds_at_least"), 0);
  measure();
  EXPECT_THAT(world_.run({"plan", file, "--estimate"}).out, HasSubstr("nothing is to be run"));
}

TEST_F(Reproduce, SeveralDatabasesAreReadTogether) {
  measure();
  ASSERT_EQ(world_.run({"reproduce", "p", "--run", "--db", "b.db"}).code, 0);
  const CommandOutput result =
      world_.run({"reproduce", "p", "--db", "results.db", "--db", "b.db", "--format", "csv"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("paper,claim,model"));
  EXPECT_THAT(world_.run({"reproduce", "p", "--format", "md"}).out, HasSubstr("| claim | model |"));
}

TEST_F(Reproduce, AMethodHasTheClaimsOfAllPapers) {
  world_.write("share/claims/papers/q.toml", paper("q", "{ id = \"q\", value = 1 },\n"));
  const Json document = Json::parse(world_.run({"reproduce", "pretend", "--json"}).out);
  EXPECT_EQ(document.at("claims").size(), 2U) << "p.half and q";
}

TEST_F(Reproduce, BadInputIsTwo) {
  const CommandOutput name = world_.run({"reproduce", "pretent"});
  EXPECT_EQ(name.code, 2);
  EXPECT_THAT(name.err, HasSubstr("did you mean 'pretend'?"));
  EXPECT_EQ(world_.run({"reproduce"}).code, 2);
  EXPECT_EQ(world_.run({"reproduce", "p", "--db", "nowhere.db"}).code, 2);
  EXPECT_EQ(world_.run({"reproduce", "p", "--format", "html"}).code, 2);
  claim("{ id = \"p.half\", value = 30, params = { sparsty = 0.5 } },\n");
  const CommandOutput params = world_.run({"reproduce", "p"});
  EXPECT_EQ(params.code, 2);
  EXPECT_THAT(params.err, AllOf(HasSubstr("p.toml:15:1"), HasSubstr("did you mean 'sparsity'?")));
}

TEST_F(Reproduce, ListAndHelp) {
  const CommandOutput list = world_.run({"reproduce", "--list"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("A paper (nowhere)"));
  EXPECT_EQ(Json::parse(world_.run({"reproduce", "--list", "--json"}).out)
                .at(0)
                .at("claims")
                .at("verified"),
            2);
  EXPECT_THAT(world_.run({"reproduce", "--help"}).out, HasSubstr("assay reproduce wanda --db"));
}

}  // namespace
}  // namespace assay
