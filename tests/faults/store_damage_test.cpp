// Databases that may not be written, and whose pages are not what they were: commands that read
// give the same answer or a message, commands that write refuse, nothing crashes.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/faults/fault_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

/// Commands that read box/r.db, and box/b.db with baselines.
std::vector<std::string> readers() {
  return {"report box/r.db --format csv",
          "report box/r.db --format html",
          "compare box/r.db box/r.db --json",
          "compare dense pretend:sparsity=0.1 --db box/r.db",
          "check box/r.db --baseline box/b.db --json",
          "history token_ppl --db box/r.db",
          "history token_ppl --db box/b.db",
          "speedup --db box/r.db",
          "db check box/r.db",
          "db export box/r.db",
          "db prune box/r.db --dry-run",
          "db migrate box/r.db",
          "baseline list --baselines box/b.db",
          "plan e.toml --db box/r.db",
          "baseline save again --commit 2 --db box/r.db --baselines mine.db --replace --json"};
}

/// Commands that write to box/r.db or box/b.db.
std::vector<std::string> writers() {
  return {"run e.toml --db box/r.db",
          "import r.csv --db box/r.db",
          "import r.csv --db box/new.db",
          "baseline save main --commit 3 --db r.db --baselines box/b.db",
          "db vacuum box/r.db",
          "db prune box/r.db",
          "db import box/r.db r.jsonl",
          "doctor --comparisons 0 --db box/r.db"};
}

class SealedDatabase : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_mount()) GTEST_SKIP() << "needs the right to mount";
    fs::create_directory(world_ / "box");
    ASSERT_EQ(world_.run({"run", "e.toml", "--db", "r.db"}).code, 0);
    ASSERT_EQ(world_
                  .run({"baseline", "save", "main", "--commit", "1", "--db", "r.db", "--baselines",
                        "box/b.db"})
                  .code,
              0);
    ASSERT_EQ(world_.shell("cp r.db box/r.db && assay db export r.db > r.jsonl").code, 0);
    world_.write("r.csv", "model,method,suite,metric,value\nm,a,s,acc,1\n");
    for (const std::string& command : readers()) open_[command] = world_.shell("assay " + command);
  }
  /// With a log beside box/r.db that holds a row which the file itself lacks.
  void leave_log(bool with_index) {
    SQLite::Database database((world_ / "box/r.db").string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA wal_autocheckpoint = 0");
    database.exec("INSERT INTO store_meta(key, value) VALUES ('late', 'row')");
    for (const char* end : {"", "-wal", "-shm"}) {
      fs::copy_file((world_ / "box/r.db").string() + end, world_ / (std::string("late") + end));
    }
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    for (const char* end : {"", "-wal", "-shm"}) {
      if (!with_index && end == std::string("-shm")) continue;
      fs::copy_file(world_ / (std::string("late") + end), world_ / (std::string("kept") + end));
    }
  }
  /// The same answers as when the folder could be written.
  void expect_answers(const std::string& before) {
    for (const std::string& command : readers()) {
      const CommandOutput sealed = with_mounts(world_, before + seal() + "exec assay " + command);
      EXPECT_EQ(sealed.code, open_.at(command).code) << command << "\n" << sealed.err;
      EXPECT_EQ(sealed.out, open_.at(command).out) << command;
    }
  }
  static std::string seal() { return "mount --bind box box; mount -o remount,ro,bind box; "; }

  FaultWorld world_;
  std::map<std::string, CommandOutput> open_;
};

TEST_F(SealedDatabase, IsReadByEveryCommandThatReads) { expect_answers(""); }

TEST_F(SealedDatabase, WithALogAndItsIndexIsReadToo) {
  leave_log(/*with_index=*/true);
  expect_answers("cp kept box/r.db; cp kept-wal box/r.db-wal; cp kept-shm box/r.db-shm; ");
}

/// As a copy of the two files has it, without the third that SQLite would make.
TEST_F(SealedDatabase, WithALogAloneIsReadFromACopy) {
  leave_log(/*with_index=*/false);
  const std::string put = "rm -f box/r.db-shm; cp kept box/r.db; cp kept-wal box/r.db-wal; ";
  expect_answers(put);
  fs::create_directory(world_ / "tmp");
  const CommandOutput output =
      with_mounts(world_, put + seal() + "TMPDIR=$PWD/tmp assay db check box/r.db");
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_TRUE(fs::is_empty(world_ / "tmp")) << "the copy was left behind";
  const CommandOutput nowhere =
      with_mounts(world_, put + seal() + "TMPDIR=$PWD/box assay report box/r.db");
  EXPECT_EQ(nowhere.code, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("copy both files to a folder that can be written"));
}

TEST_F(SealedDatabase, IsRefusedByEveryCommandThatWrites) {
  for (const std::string& command : writers()) {
    const CommandOutput refused = with_mounts(world_, seal() + "exec assay " + command);
    EXPECT_EQ(refused.code, 3) << command << "\n" << refused.err;
    EXPECT_THAT(refused.err,
                AllOf(HasSubstr("box/"), HasSubstr("must be writable"), Not(HasSubstr("bug"))))
        << command;
  }
}

/// The file alone may not be written: its folder takes what SQLite puts beside it.
TEST_F(SealedDatabase, AFileThatMayNotBeWrittenIsReadAndNotWritten) {
  const std::string one = "mount --bind box/r.db box/r.db; mount -o remount,ro,bind box/r.db; ";
  for (const std::string& command : readers()) {
    const CommandOutput sealed = with_mounts(world_, one + "exec assay " + command);
    EXPECT_EQ(sealed.code, open_.at(command).code) << command << "\n" << sealed.err;
    EXPECT_EQ(sealed.out, open_.at(command).out) << command;
  }
  const CommandOutput refused = with_mounts(world_, one + "exec assay import r.csv --db box/r.db");
  EXPECT_EQ(refused.code, 3) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("must be writable"));
}

/// A whole page that is not what it was.
using Page = std::string;
constexpr std::size_t kPageSize = 4096;

Page changed(const Page& page, const std::string& all, std::mt19937& random) {
  Page other = page;
  switch (random() % 4) {
    case 0:
      std::ranges::transform(other, other.begin(), [](char c) { return static_cast<char>(~c); });
      break;
    case 1:
      std::ranges::fill(other, '\0');
      break;
    case 2:
      std::ranges::generate(other, [&] { return static_cast<char>(random()); });
      break;
    default: {
      const std::size_t pages = all.size() / kPageSize;
      other = all.substr(random() % pages * kPageSize, kPageSize);
    }
  }
  return other;
}

class DamagedPages : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0);
    ASSERT_EQ(world_.shell("cp results.db whole.db; assay db export whole.db > whole.jsonl").code,
              0);
    world_.write("r.csv", "model,method,suite,metric,value\nm,a,s,acc,1\n");
    whole_ = read_text_file(world_ / "whole.db");
  }
  void write_damaged(const std::string& bytes) const {
    for (const char* end : {"-wal", "-shm"}) fs::remove(world_ / (std::string("results.db") + end));
    fs::remove(world_ / "b.db");
    std::ofstream(world_ / "results.db", std::ios::binary | std::ios::trunc) << bytes;
  }

  FaultWorld world_;
  std::string whole_;
};

/// What must hold of a command on a damaged file: a message with the file's name, or the answer
/// that the whole file gives.
void expect_refused_or_same(const CommandOutput& found, const CommandOutput& whole,
                            const std::string& what) {
  EXPECT_THAT(found.code, AnyOf(0, 1, 2, 3, 4)) << what << "\n" << found.err;
  EXPECT_THAT(found.err, Not(HasSubstr("this is a bug"))) << what;
  if (found.code == whole.code) {
    EXPECT_EQ(found.out, whole.out) << what;
  } else {
    EXPECT_THAT(found.err + found.out, HasSubstr("results.db")) << what;
  }
}

TEST_F(DamagedPages, AreSaidAndNeverANumber) {
  const std::vector<std::string> commands = {
      "report results.db --format csv",
      "compare whole.db results.db --json",
      "history token_ppl --db results.db",
      "speedup --db results.db",
      "db export results.db",
      "baseline save main --commit 1 --db results.db --baselines b.db --json"};
  std::map<std::string, CommandOutput> whole;
  for (const std::string& command : commands) whole[command] = world_.shell("assay " + command);
  std::mt19937 random(2026);
  const std::size_t pages = whole_.size() / kPageSize;
  const char* asked = std::getenv("ASSAY_DAMAGED_PAGES");
  const std::size_t rounds = asked == nullptr ? 10 : std::stoul(asked);
  int seen = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t at = random() % pages * kPageSize;
    std::string bytes = whole_;
    bytes.replace(at, kPageSize, changed(whole_.substr(at, kPageSize), whole_, random));
    if (bytes == whole_) continue;
    const std::string what =
        "page " + std::to_string(at / kPageSize) + " in round " + std::to_string(round) + ": ";
    for (const std::string& command : commands) {
      write_damaged(bytes);
      expect_refused_or_same(world_.shell("assay " + command), whole.at(command), what + command);
    }
    write_damaged(bytes);
    const CommandOutput check = world_.run({"db", "check", "results.db"});
    EXPECT_THAT(check.code, AnyOf(0, 1, 2)) << what << check.err;
    seen += check.code == 0 ? 0 : 1;
    for (const std::string command :
         {"import r.csv", "db import results.db whole.jsonl", "db vacuum results.db",
          "db prune results.db",
          "baseline save main --commit 1 --db whole.db --baselines results.db"}) {
      write_damaged(bytes);
      const CommandOutput wrote = world_.shell("assay " + command);
      EXPECT_THAT(wrote.code, AnyOf(0, 2, 3)) << what << command << wrote.err;
      if (wrote.code == 0) continue;
      EXPECT_THAT(wrote.err, HasSubstr("results.db")) << what << command;
    }
  }
  EXPECT_GT(seen, static_cast<int>(rounds / 2)) << "pages that nobody uses are nobody's business";
}

/// What the worker that pretends answers, and nothing else.
void expect_right_numbers(const Json& report) {
  const std::map<std::string, double> dense = {{"token_ppl", 20}, {"decode/token_latency", 0.01}};
  for (const Json& experiment : report.at("experiments")) {
    for (const Json& row : experiment.at("results")) {
      const auto wanted = dense.find(row.at("metric").get<std::string>());
      if (wanted == dense.end() || row.at("value").is_null()) continue;
      const double factor = row.at("method") == "dense" ? 1 : 1.5;
      EXPECT_DOUBLE_EQ(row.at("value").get<double>(), factor * wanted->second) << row;
    }
  }
}

/// A run on a damaged file says so, or goes on; either way no number is another one.
TEST_F(DamagedPages, AreNoHindranceToAMessageWhenARunGoesOn) {
  std::mt19937 random(7);
  const std::size_t pages = whole_.size() / kPageSize;
  for (int round = 0; round < 8; ++round) {
    const std::size_t at = random() % pages * kPageSize;
    std::string bytes = whole_;
    bytes.replace(at, kPageSize, changed(whole_.substr(at, kPageSize), whole_, random));
    SCOPED_TRACE("page " + std::to_string(at / kPageSize) + " in round " + std::to_string(round));
    write_damaged(bytes);
    const CommandOutput run = world_.run({"run", "e.toml"});
    EXPECT_THAT(run.code, AnyOf(0, 2, 3)) << run.err;
    EXPECT_THAT(run.err, Not(HasSubstr("this is a bug")));
    if (run.code != 0) {
      EXPECT_THAT(run.err, HasSubstr("results.db"));
    }
    const CommandOutput report = world_.run({"report", "results.db", "--json"});
    EXPECT_THAT(report.code, AnyOf(0, 2)) << report.err;
    if (report.code == 0) expect_right_numbers(Json::parse(report.out));
  }
}

/// One byte of a stored document: whoever copies it says whose it is.
TEST_F(DamagedPages, ADamagedDocumentIsNotCopied) {
  int refused = 0;
  for (std::size_t at = whole_.find("\"schema\":"); at != std::string::npos;
       at = whole_.find("\"schema\":", at + 2000)) {
    for (const char* by : {"\"schemb\":", "\"schema\";"}) {
      std::string bytes = whole_;
      bytes.replace(at, 9, by);
      write_damaged(bytes);
      const CommandOutput saved =
          world_.shell("assay baseline save main --commit 1 --baselines b.db");
      EXPECT_THAT(saved.code, AnyOf(0, 2)) << saved.err;
      if (saved.code == 0) continue;
      ++refused;
      EXPECT_THAT(saved.err, AllOf(HasSubstr("results.db"), HasSubstr("damaged")));
    }
  }
  EXPECT_GT(refused, 1);
}

}  // namespace
}  // namespace assay
