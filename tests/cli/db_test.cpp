// `assay db`: what it says, what it does, and with which exit code.

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

class Db : public testing::Test {
 protected:
  Db() {
    world_.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\n",
                                           "[[suite]]\nid = \"letters-ppl\"\n"
                                           "[[suite]]\nid = \"decode\"\n"));
    EXPECT_EQ(world_.run({"run", "e.toml"}).code, 0);
  }
  void run_sql(const std::string& sql) const {
    SQLite::Database((world_ / "results.db").string(), SQLite::OPEN_READWRITE).exec(sql);
  }
  [[nodiscard]] CommandOutput db(std::vector<std::string> words) const {
    words.insert(words.begin(), "db");
    return world_.run(words);
  }
  CliWorld world_;
};

TEST_F(Db, EveryHelpShowsAnExample) {
  for (const char* name : {"check", "migrate", "vacuum", "prune", "export", "import"}) {
    const CommandOutput help = db({name, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out,
                AllOf(HasSubstr(std::string("Example:\n  assay db ") + name), HasSubstr("--json")));
  }
  EXPECT_THAT(world_.run({"db", "--help"}).out, HasSubstr("Example:\n  assay db "));
  EXPECT_EQ(world_.run({"completion", "words", "--", "db", "ch"}).out, "check\n");
}

TEST_F(Db, CheckIsQuietAboutAWholeFileAndNamesWhatIsDamaged) {
  const CommandOutput whole = db({"check", "results.db"});
  EXPECT_EQ(whole.code, 0) << whole.out;
  EXPECT_THAT(whole.out, AllOf(HasSubstr("4 finished attempts, 4 with the checksum"),
                               EndsWith("nothing is wrong\n")));
  run_sql(
      "UPDATE sample SET value = value * 2 WHERE attempt_id = (SELECT max(attempt_id) "
      "FROM sample) AND idx = 0");
  const CommandOutput damaged = db({"check", "results.db"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_THAT(damaged.out, AllOf(HasSubstr("attempt: attempt "), HasSubstr(" / decode / "),
                                 HasSubstr("what to do: `assay db prune results.db --damaged`"),
                                 EndsWith("findings: 1\n")));
  const CommandOutput as_json = db({"check", "results.db", "--json"});
  EXPECT_EQ(as_json.code, 1);
  EXPECT_EQ(Json::parse(as_json.out).at("findings").at(0).at("table"), "attempt");
}

TEST_F(Db, AFlipIsNeverReportedOrComparedAndIsMeasuredAgainAfterPruning) {
  ASSERT_EQ(world_.run({"baseline", "save", "main", "--commit", "1"}).code, 0);
  const std::string before = world_.run({"report", "results.db", "--format", "csv"}).out;
  run_sql("UPDATE metric_value SET value = value + 1 WHERE attempt_id = 1");
  const std::vector<std::vector<std::string>> readers = {
      {"report", "results.db"},
      {"compare", "results.db", "results.db"},
      {"compare", "dense", "pretend", "--db", "results.db"},
      {"check", "e.toml", "--no-run", "--name", "main", "--baseline", "baselines.db"},
      {"check", "e.toml", "--baseline", "results.db", "--db", "other.db"},
      {"baseline", "save", "main", "--commit", "2", "--baselines", "fresh.db"}};
  for (const auto& reader : readers) {
    const CommandOutput output = world_.run(reader);
    EXPECT_EQ(output.code, 2) << reader.front() << output.out << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("results.db: "), HasSubstr("assay db check")));
  }
  const CommandOutput pruned = db({"prune", "results.db", "--damaged"});
  EXPECT_THAT(pruned.out, HasSubstr("1 attempts, 0 plans"));
  EXPECT_EQ(world_.run({"run", "e.toml"}).code, 0);
  EXPECT_EQ(world_.run({"report", "results.db", "--format", "csv"}).out, before);
}

TEST_F(Db, WhatIsNoDatabaseOfOursIs2) {
  world_.write("letter",
               "not a database, whatever its name is, and longer than a header is long.\n"
               "not a database, whatever its name is, and longer than a header is.\n");
  ASSERT_EQ(::mkfifo((world_ / "pipe").c_str(), 0600), 0);
  for (const char* command : {"check", "migrate", "vacuum", "prune", "export"}) {
    for (const char* name : {"letter", "pipe", "nowhere.db", ".", "/dev/null"}) {
      const CommandOutput output = db({command, name});
      EXPECT_EQ(output.code, 2) << command << " " << name << ": " << output.err;
      EXPECT_THAT(output.err, HasSubstr(name));
    }
  }
  EXPECT_FALSE(fs::exists(world_ / "nowhere.db"));
}

TEST_F(Db, PruneListsBeforeItRemoves) {
  world_.write("e.toml", experiment_text("", "[[suite]]\nid = \"letters-ppl\"\n"));
  ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0);
  const Json would = Json::parse(db({"prune", "results.db", "--dry-run", "--json"}).out);
  EXPECT_EQ(would.at("plans").size(), 1U);
  EXPECT_EQ(would.at("attempts").size(), 3U);
  const CommandOutput done = db({"prune", "results.db"});
  EXPECT_THAT(done.out, AllOf(HasSubstr("attempt pretend / decode / "),
                              HasSubstr("3 attempts, 1 plans and ")));
  EXPECT_EQ(db({"check", "results.db"}).code, 0);
  EXPECT_EQ(db({"vacuum", "results.db", "--json"}).code, 0);
  EXPECT_THAT(db({"prune", "results.db", "--damaged", "--experiment", "x"}).err,
              HasSubstr("excludes"));
}

TEST_F(Db, ADamagedFileEndsNoCommandAsABug) {
  run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string whole = read_text_file(world_ / "results.db");
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 1 + round % 4; ++i) {
      char& byte = bytes[random() % bytes.size()];
      byte = static_cast<char>(byte ^ (1 << (random() % 8)));
    }
    for (const std::vector<std::string>& words : {std::vector<std::string>{"run", "e.toml"},
                                                  {"report", "results.db"},
                                                  {"db", "check", "results.db"}}) {
      for (const char* side : {"results.db-wal", "results.db-shm"}) fs::remove(world_ / side);
      world_.write("results.db", bytes);
      const CommandOutput output = world_.run(words);
      EXPECT_THAT(output.code, testing::AnyOf(0, 1, 2, 3)) << round << words[0] << output.err;
      if (output.code > 1) {
        EXPECT_THAT(output.err, HasSubstr("results.db"));
      }
    }
  }
}

TEST_F(Db, AnExportIsReadAgain) {
  EXPECT_THAT(db({"export", "results.db", "-o", "r.jsonl"}).out,
              HasSubstr("4 attempts of 1 plans"));
  EXPECT_EQ(db({"import", "copy.db", "r.jsonl"}).code, 0);
  const std::string text = read_text_file(world_ / "r.jsonl");
  EXPECT_EQ(db({"export", "copy.db"}).out, text);
  // Where the cells came from is the last column, and all that differs.
  const std::string origin = fmt::format("r.jsonl ({})", sha256_hex(text).substr(0, 8));
  std::string copied = world_.run({"report", "copy.db", "--format", "csv"}).out;
  EXPECT_THAT(copied, HasSubstr(origin));
  for (std::size_t at; (at = copied.find(origin)) != std::string::npos;) {
    copied.erase(at, origin.size());
  }
  EXPECT_EQ(copied, world_.run({"report", "results.db", "--format", "csv"}).out);
  world_.write("half.jsonl", text.substr(0, text.size() - 20));
  const CommandOutput half = db({"import", "half.db", "half.jsonl"});
  EXPECT_EQ(half.code, 2);
  EXPECT_THAT(half.err, HasSubstr("half.jsonl:"));
}

TEST_F(Db, MigrateSaysThatNothingIsToDo) {
  EXPECT_THAT(db({"migrate", "results.db"}).out, HasSubstr("the newest; nothing was done"));
}

}  // namespace
}  // namespace assay
