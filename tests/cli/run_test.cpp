// `assay run` from end to end, with a worker that pretends.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";
constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\n";

std::string pretend(const std::string& ends) {
  return "[[method]]\nid = \"pretend\"\nends = \"" + ends + "\"\n";
}

TEST(Run, SecondRunRunsNothingAndPrintsTheSameTable) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("well"), std::string(kPpl) + kDecode));
  const CommandOutput first = world.run({"run", "e.toml", "--report", "report.md"});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("dense"), HasSubstr("pretend")));
  EXPECT_THAT(first.err, HasSubstr("1 artefacts fitted"));
  EXPECT_TRUE(fs::exists(world / "results.db"));
  EXPECT_TRUE(fs::exists(world / "report.md"));
  const CommandOutput second = world.run({"run", "e.toml"});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
  EXPECT_THAT(second.err, AllOf(HasSubstr("4 of them stored before; 0 artefacts fitted"),
                                Not(HasSubstr("[1/4]"))));
  const CommandOutput report = world.run({"report", "results.db"});
  EXPECT_EQ(report.out, first.out);
  EXPECT_TRUE(fs::is_empty(world / "home/scratch"));
}

TEST(Run, ABadCellIsAWordInTheTableAndStopsNoOther) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("segv") + pretend("error"), kPpl));
  const CommandOutput result = world.run({"run", "e.toml"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, HasSubstr("CRASHED"));
  EXPECT_THAT(result.err, AllOf(HasSubstr("signal:SIGSEGV"), HasSubstr("was asked to fail"),
                                HasSubstr("1 cells OK, 0 UNMET, 2 failed")));
  const CommandOutput fast = world.run({"run", "e.toml", "--db", "fast.db", "--fail-fast"});
  EXPECT_EQ(fast.code, 3);
  EXPECT_THAT(fast.err, HasSubstr("1 not run"));
}

TEST(Run, UnmetRequirementsAreUnmetWithTheReasonAndFine) {
  const CliWorld world;
  world.write("e.toml", experiment_text("[[method]]\nid = \"gated\"\n", kPpl));
  const CommandOutput result = world.run({"run", "e.toml"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("ffn.gated"), HasSubstr("1 cells OK, 1 UNMET")));
}

TEST(Run, AbsentDataIsUnmetWithTheRemedyAndNotMeasured) {
  const CliWorld world;
  world.write("e.toml", experiment_text("[[method]]\nid = \"gated\"\n",
                                        std::string(kPpl) + "[[suite]]\nid = \"absent-ppl\"\n"));
  const CommandOutput result = world.run({"run", "e.toml"});
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("UNMET"));
  EXPECT_THAT(result.err, AllOf(HasSubstr("get it with: assay data get letters"),
                                HasSubstr("ffn.gated"), HasSubstr("1 cells OK, 3 UNMET")));
}

TEST(Run, AnInterruptEndsWith130AndTheNextRunFinishes) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("hang"), kPpl));
  const CommandOutput stopped = world.run({"run", "e.toml"}, [&](long pid) {
    if (fs::exists(world / "home/hangs")) ::kill(static_cast<pid_t>(pid), SIGINT);
  });
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("INTERRUPTED"));
  const CommandOutput plan = world.run({"plan", "e.toml"});
  EXPECT_THAT(plan.out, AllOf(HasSubstr("stored OK"), HasSubstr("interrupted")));
  const CommandOutput resumed = world.run({"run", "e.toml"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("2 cells OK, 0 UNMET, 0 failed; 1 of them stored before"));
}

TEST(Run, ASecondInterruptKillsAWorkerThatDoesNotListen) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("deaf"), kPpl));
  int interrupts = 0;
  const CommandOutput stopped = world.run({"run", "e.toml"}, [&](long pid) {
    if (interrupts == 2 || !fs::exists(world / "home/hangs")) return;
    ::kill(static_cast<pid_t>(pid), SIGINT);
    ++interrupts;
  });
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(interrupts, 2) << "one interrupt was enough";
  EXPECT_EQ(world.run({"run", "e.toml"}).code, 0);
}

TEST(Run, ADamagedPreparedFolderIsMadeAgain) {
  const CliWorld world;
  world.write("e.toml", experiment_text("", kPpl));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  fs::path tokens;
  for (const auto& entry : fs::recursive_directory_iterator(world / "home/prepared")) {
    if (entry.path().filename() == "tokens.bin") tokens = entry.path();
  }
  ASSERT_FALSE(tokens.empty());
  write_file_atomically(tokens, "damage");
  const CommandOutput result = world.run({"run", "e.toml"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("damaged; preparing it again"));
  EXPECT_EQ(read_text_file(tokens), "tokens");
}

TEST(Run, TwoRunsOnOneDatabaseDoNotHarmEachOther) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("well"), std::string(kPpl) + kDecode));
  CommandOutput other;
  std::thread thread([&] { other = world.run({"run", "e.toml"}); });
  const CommandOutput one = world.run({"run", "e.toml"});
  thread.join();
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(other.code, 0) << other.err;
  const CommandOutput again = world.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("4 of them stored before"));
}

TEST(Run, PlanSaysWhyACellMustRun) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("well"), kPpl));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  world.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\nsparsity = 0.25\n", kPpl));
  const CommandOutput plan = world.run({"plan", "e.toml"});
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("stored OK"), HasSubstr("sparsity differs: 0.25"),
                              HasSubstr("artefact to fit"), HasSubstr("1 stored, 1 to run")));
  const Json cells = Json::parse(world.run({"plan", "e.toml", "--json"}).out).at("cells");
  EXPECT_EQ(cells.at(0).at("action"), "stored");
  EXPECT_EQ(cells.at(1).at("action"), "run");
  const Json resolved = Json::parse(world.run({"plan", "e.toml", "--resolved"}).out);
  EXPECT_EQ(resolved.at("methods").at(1).at("params").at("pattern"), "unstructured");
}

TEST(Run, TimesOfAnotherMachineAreTakenAgain) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("well"), std::string(kPpl) + kDecode));
  const CommandOutput first = world.run({"run", "e.toml"});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("Times are of machine "));
  EXPECT_THAT(world.run({"plan", "e.toml"}).out, HasSubstr("4 stored, 0 to run"));
  SQLite::Database file((world / "results.db").string(), SQLite::OPEN_READWRITE);
  file.exec("INSERT INTO machine VALUES ('elsewhere', 'Another, 64 cores')");
  file.exec("UPDATE attempt SET machine = 'elsewhere', checksum = NULL");
  EXPECT_THAT(world.run({"plan", "e.toml"}).out,
              AllOf(HasSubstr("timed on another machine"), HasSubstr("2 stored, 2 to run")));
  EXPECT_THAT(world.run({"report", "results.db"}).out,
              HasSubstr("machine elsewhere: Another, 64 cores"));
  const CommandOutput second = world.run({"run", "e.toml"});
  EXPECT_THAT(second.err, HasSubstr("2 of them stored before"));
  EXPECT_THAT(second.out, Not(HasSubstr("elsewhere")));
}

TEST(Run, TimesOfTwoMachinesAreRemarkedOn) {
  const CliWorld world;
  world.write("e.toml", experiment_text(pretend("well"), kDecode));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  SQLite::Database file((world / "results.db").string(), SQLite::OPEN_READWRITE);
  file.exec("INSERT INTO machine VALUES ('elsewhere', 'Another, 64 cores')");
  file.exec("UPDATE attempt SET machine = 'elsewhere', checksum = NULL WHERE attempt_id = 1");
  EXPECT_THAT(world.run({"report", "results.db"}).out,
              AllOf(HasSubstr("Times of 1 cell are of machine elsewhere"),
                    HasSubstr("compare only ratios to dense")));
}

}  // namespace
}  // namespace assay
