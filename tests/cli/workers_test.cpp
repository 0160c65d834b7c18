// How many workers a run starts for its scores.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

constexpr const char* kSuites =
    "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n"
    "[[suite]]\nid = \"letters-ppl\"\nwindow = 4\n";

class Workers : public ::testing::Test {
 protected:
  void plan(const std::string& methods) {
    world_.write("e.toml", experiment_text(methods, kSuites));
  }
  /// Processes that scored, by the numbers that the kernel gave them.
  int scoring(const std::string& database) {
    SQLite::Database file((world_ / database).string());
    return file.execAndGet("SELECT count(DISTINCT pid) FROM process_run WHERE pass = 'score'")
        .getInt();
  }
  CliWorld world_;
};

TEST_F(Workers, OneScoresAllSuitesOfAnArtefact) {
  plan("[[method]]\nid = \"pretend\"\n");
  const CommandOutput together = world_.run({"run", "e.toml", "--db", "together.db"});
  EXPECT_EQ(together.code, 0) << together.err;
  EXPECT_EQ(scoring("together.db"), 2);
  const CommandOutput apart = world_.run({"run", "e.toml", "--db", "apart.db", "--isolate"});
  EXPECT_EQ(scoring("apart.db"), 6);
  const auto table = [](const std::string& out) {
    return out.substr(0, out.find("Harness overhead"));
  };
  EXPECT_EQ(table(apart.out), table(together.out));
}

TEST_F(Workers, OneThatDiesCostsItsOwnCellOnly) {
  plan("[[method]]\nid = \"pretend\"\nends = \"once\"\n");
  const CommandOutput run = world_.run({"run", "e.toml", "--retry-now", "CRASHED=0"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, testing::HasSubstr("5 cells OK, 0 UNMET, 1 failed"));
  EXPECT_EQ(scoring("results.db"), 3);
}

TEST_F(Workers, ACellThatDiedIsTriedAgainAndSaysSo) {
  plan("[[method]]\nid = \"pretend\"\nends = \"once\"\n");
  const CommandOutput run = world_.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, testing::AllOf(testing::HasSubstr("CRASHED (signal:SIGSEGV)"),
                                      testing::HasSubstr("tried again at once"),
                                      testing::HasSubstr("6 cells OK, 0 UNMET, 0 failed")));
  EXPECT_THAT(run.out, testing::HasSubstr("tried_again"));
  SQLite::Database file((world_ / "results.db").string());
  EXPECT_EQ(file.execAndGet("SELECT count(*) FROM attempt WHERE status = 'CRASHED'").getInt(), 1);
}

TEST_F(Workers, OneThatIsKilledWhileItWaitsIsReplaced) {
  plan("[[method]]\nid = \"pretend\"\nends = \"idle\"\n");
  const CommandOutput run = world_.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(scoring("results.db"), 4) << "dense has one, and each suite of the other";
}

TEST_F(Workers, OneThatEndsBadlyAfterItsAnswersIsSaid) {
  plan("[[method]]\nid = \"pretend\"\nends = \"badly\"\n");
  const CommandOutput run = world_.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err,
              testing::HasSubstr("after its last answer the worker ended with exit code 7"));
}

}  // namespace
}  // namespace assay
