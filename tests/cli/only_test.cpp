// `assay run --only KEY [--debug]`: one cell again.

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

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";

class Only : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\nends = \"segv\"\n"
                                           "[[method]]\nid = \"pretend\"\nsparsity = 0.25\n",
                                           kSuites));
  }
  /// The keys of the cells of a method's suite.
  std::string key(const std::string& method, const std::string& suite, double sparsity = 0.5) {
    const CommandOutput plan = world_.run({"plan", "e.toml", "--json"});
    const Json document = Json::parse(plan.out);
    for (const Json& cell : document.at("cells")) {
      if (cell.at("method") == method && cell.at("suite") == suite &&
          cell.at("params").value("sparsity", sparsity) == sparsity) {
        return cell.at("key");
      }
    }
    ADD_FAILURE() << method << " " << suite;
    return "";
  }
  std::string asked() { return read_text_file(world_ / "home/asked"); }
  CliWorld world_;
};

TEST_F(Only, RunsNothingElseAndThePlanStaysWhole) {
  const std::string chosen = key("dense", "letters-ppl");
  EXPECT_THAT(world_.run({"plan", "e.toml"}).out, HasSubstr(chosen.substr(0, 8) + "  dense"));
  const CommandOutput only = world_.run({"run", "e.toml", "--only", chosen.substr(0, 8)});
  EXPECT_EQ(only.code, 0) << only.err;
  EXPECT_THAT(only.err, HasSubstr("1 cells OK, 0 UNMET, 0 failed;"));
  EXPECT_THAT(asked(), Not(HasSubstr("pretend")));
  const CommandOutput all = world_.run({"run", "e.toml"});
  EXPECT_THAT(all.err, HasSubstr("1 of them stored before"));
}

TEST_F(Only, TimesAreTakenWithTheirTwin) {
  const CommandOutput only =
      world_.run({"run", "e.toml", "--only", key("pretend", "decode", 0.25)});
  EXPECT_EQ(only.code, 0) << only.err;
  EXPECT_THAT(only.err, HasSubstr("2 cells OK"));
  EXPECT_THAT(asked(), AllOf(HasSubstr("time dense"), HasSubstr("\"sparsity\":0.25"),
                             Not(HasSubstr("score")), Not(HasSubstr("segv"))));
}

/// What failed says how to run it again; that does so although the failure is stored.
TEST_F(Only, AFailedCellNamesTheCommandThatRunsItAgain) {
  const CommandOutput first = world_.run({"run", "e.toml", "--db", "my results.db"});
  EXPECT_EQ(first.code, 3);
  const std::string chosen = key("pretend", "letters-ppl").substr(0, 8);
  const std::string command = "assay run e.toml --db 'my results.db' --only " + chosen;
  ASSERT_THAT(first.err, HasSubstr("again: " + command + " --debug"));
  const CommandOutput again = world_.shell(command);
  EXPECT_THAT(again.err,
              AllOf(HasSubstr("signal:SIGSEGV"), HasSubstr("0 cells OK, 0 UNMET, 1 failed;")));
  const CommandOutput debug = world_.shell(command + " --debug");
  EXPECT_EQ(debug.code, 3);
  EXPECT_THAT(debug.err, AllOf(HasSubstr("fit of pretend"), HasSubstr("nothing is stored")));
  EXPECT_THAT(debug.out, HasSubstr("CRASHED (signal:SIGSEGV)"));
}

TEST_F(Only, DebugShowsWhatACellMeasures) {
  const CommandOutput debug =
      world_.run({"run", "e.toml", "--only", key("dense", "letters-ppl"), "--debug"});
  EXPECT_EQ(debug.code, 0) << debug.err;
  EXPECT_THAT(debug.out, AllOf(HasSubstr("token_ppl = 20\n"), HasSubstr("OK\n")));
  EXPECT_FALSE(std::filesystem::exists(world_ / "results.db"));
}

TEST_F(Only, BadKeysAreRefused) {
  const auto message = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"run", "e.toml"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandOutput output = world_.run(arguments);
    EXPECT_EQ(output.code, 2);
    return output.err;
  };
  EXPECT_THAT(message({"--only", "xyz"}), HasSubstr("no cell of"));
  EXPECT_THAT(message({"--only", ""}), HasSubstr("no cell of"));
  EXPECT_THAT(message({"--debug"}), HasSubstr("--debug runs one cell, and 6 are chosen"));
  EXPECT_THAT(
      message({"--only", key("dense", "decode"), "--only", key("pretend", "decode"), "--gdb"}),
      HasSubstr("and 2 are chosen"));
  EXPECT_FALSE(std::filesystem::exists(world_ / "results.db"));
}

}  // namespace
}  // namespace assay
