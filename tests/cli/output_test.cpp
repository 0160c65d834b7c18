// Where the words of `assay` go: places that cannot take them, files behind links and devices, and
// names that a stranger's database brings.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kReport = "[[report]]\nname = \"speed\"\ntitle = \"How fast\"\n";
/// What a terminal, a page or a pull request must never get as it stands.
constexpr const char* kHostile = "\x1b]0;owned\x07<img src=x>|`*\u202e\ufffe";

class Output : public testing::Test {
 protected:
  Output() { world_.write("e.toml", experiment_text("", kSuites) + kReport); }

  void measure() const { ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0); }
  void change(const std::string& sql, const std::string& value) const {
    SQLite::Database database((world_ / "results.db").string(), SQLite::OPEN_READWRITE);
    SQLite::Statement statement(database, sql);
    statement.bind(1, value);
    ASSERT_GT(statement.exec(), 0) << sql;
  }
  void rename_layout(const std::string& from, const std::string& to) const {
    change("UPDATE blob_doc SET body = replace(body, '\"name\":\"" + from +
               "\"', ?) WHERE kind = 'config'",
           "\"name\":\"" + to + "\"");
  }
  [[nodiscard]] std::string statuses() const {
    SQLite::Database database((world_ / "results.db").string());
    return database.execAndGet("SELECT group_concat(DISTINCT status) FROM results").getString();
  }

  CliWorld world_;
};

TEST_F(Output, AFullDiskIsNotMeasured) {
  measure();
  for (const std::string command : {"list methods", "report results.db", "--help", "version",
                                    "plan e.toml", "compare results.db results.db"}) {
    const CommandOutput result = world_.shell("assay " + command + " > /dev/full");
    EXPECT_EQ(result.code, 3) << command;
    EXPECT_THAT(result.err, HasSubstr("standard output: cannot be written: No space left"));
  }
}

TEST_F(Output, AReaderThatWentAwayIsNotMeasured) {
  const CommandOutput result =
      world_.shell("{ sleep 0.3; assay list methods; echo $? > code; } | true");
  EXPECT_EQ(read_text_file(world_ / "code"), "3\n");
  EXPECT_THAT(result.err, HasSubstr("its reader went away"));
}

TEST_F(Output, AClosedStandardOutputIsNotMeasuredAndHarmsNoFile) {
  const CommandOutput result = world_.shell("assay run e.toml >&-");
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("standard output: cannot be written"));
  EXPECT_EQ(statuses(), "OK");
}

TEST_F(Output, AnUnwritableStandardErrorDisturbsNoRun) {
  for (const std::string place : {"2>/dev/full", "2>&-"}) {
    fs::remove(world_ / "results.db");
    const CommandOutput result = world_.shell("assay run e.toml " + place);
    EXPECT_EQ(result.code, 0) << place;
    EXPECT_EQ(statuses(), "OK") << place;
    EXPECT_EQ(world_.shell("assay run missing.toml " + place).code, 2) << place;
  }
}

TEST_F(Output, ATerminalThatHangsUpInterruptsARun) {
  world_.write("e.toml",
               experiment_text("[[method]]\nid = \"pretend\"\nends = \"hang\"\n", kSuites));
  const CommandOutput result = world_.shell("assay run e.toml & sleep 1; kill -HUP $!; wait $!");
  EXPECT_EQ(result.code, 130) << result.err;
}

TEST_F(Output, ALinkIsFollowedAndAModeKept) {
  measure();
  world_.write("shelf/kept.md", "old");
  fs::permissions(world_ / "shelf/kept.md", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("shelf/kept.md", world_ / "link.md");
  fs::create_symlink("shelf/new.md", world_ / "dangling.md");
  for (const std::string name : {"link.md", "dangling.md"}) {
    EXPECT_EQ(world_.run({"report", "results.db", "-o", name}).code, 0);
    EXPECT_TRUE(fs::is_symlink(world_ / name)) << name;
    EXPECT_THAT(read_text_file(world_ / name), HasSubstr("# small"));
  }
  EXPECT_EQ(fs::status(world_ / "shelf/kept.md").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(fs::is_regular_file(world_ / "shelf/new.md"));
}

TEST_F(Output, ADeviceOrPipeIsWrittenThrough) {
  measure();
  EXPECT_EQ(world_.run({"report", "results.db", "-o", "/dev/null"}).code, 0);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const CommandOutput full = world_.run({"report", "results.db", "-o", "/dev/full"});
  EXPECT_EQ(full.code, 3);
  EXPECT_THAT(full.err, HasSubstr("/dev/full: cannot be written: No space left"));
  const CommandOutput piped =
      world_.shell("assay report results.db --format md -o /dev/stdout | cat");
  EXPECT_THAT(piped.out, HasSubstr("# small"));
  ASSERT_EQ(::mkfifo((world_ / "fifo").c_str(), 0600), 0);
  const CommandOutput fifo =
      world_.shell("cat fifo > got & assay report results.db --format md -o fifo; wait");
  EXPECT_EQ(fifo.code, 0) << fifo.err;
  EXPECT_TRUE(fs::is_fifo(world_ / "fifo"));
  EXPECT_THAT(read_text_file(world_ / "got"), HasSubstr("# small"));
}

TEST_F(Output, WhatWasMeasuredIsNotWrittenOver) {
  measure();
  const std::string database = read_text_file(world_ / "results.db");
  const std::string file = read_text_file(world_ / "e.toml");
  fs::create_symlink("results.db", world_ / "link.md");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"report", "results.db", "-o", "results.db"},
           {"report", "results.db", "-o", "link.md"},
           {"report", "results.db", "-o", "e.toml"},
           {"history", "token_ppl", "--db", "results.db", "-o", "results.db"},
           {"compare", "results.db", "results.db", "--markdown", "results.db"},
           {"run", "e.toml", "--report", "results.db"},
           {"run", "e.toml", "--report", "e.toml"}}) {
    const CommandOutput result = world_.run(words);
    EXPECT_EQ(result.code, 2) << words[0] << " " << words.back();
    EXPECT_THAT(result.err, HasSubstr("nothing was written")) << words[0];
  }
  EXPECT_EQ(read_text_file(world_ / "e.toml"), file);
  EXPECT_EQ(read_text_file(world_ / "results.db").substr(0, 15), database.substr(0, 15));
  const CommandOutput twice = world_.run(
      {"compare", "results.db", "results.db", "--markdown", "s.txt", "--junit", "./s.txt"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, HasSubstr("named twice"));
}

TEST_F(Output, ALayoutOfAStrangerWritesNowhereElse) {
  measure();
  std::string before = "speed";
  for (const std::string name : {"../outside", "/etc/assay-layout", "..", ".hidden", "a\\nb"}) {
    rename_layout(before, name);
    before = name;
    const CommandOutput result =
        world_.run({"report", "results.db", "--format", "md", "-o", "out/"});
    EXPECT_EQ(result.code, 2) << name << result.out;
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("layout '"), HasSubstr("cannot be the name of a file")));
    EXPECT_FALSE(fs::exists(world_ / "outside.md"));
    EXPECT_FALSE(fs::exists(world_ / "out"));
  }
}

TEST_F(Output, TablesOfTheSameNameKeepApart) {
  measure();
  std::string other = experiment_text("", kSuites) + kReport;
  world_.write("e.toml", other.replace(other.find("\"small\""), 7, "\"other\""));
  measure();
  EXPECT_EQ(world_.run({"report", "results.db", "--format", "md", "-o", "out/"}).code, 0);
  EXPECT_TRUE(fs::exists(world_ / "out/small-speed.md"));
  EXPECT_TRUE(fs::exists(world_ / "out/other-speed.md"));
}

TEST_F(Output, HostileNamesAreShownAndDoNothing) {
  measure();
  change("UPDATE plan_cell SET model_name = ?", kHostile);
  // As whoever makes up a file would have it.
  change("UPDATE experiment SET checksum = nullif(?1, ?1)", "");
  world_.run({"baseline", "save", "main", "--db", "results.db", "--baselines", "base.db"});
  for (const std::string command :
       {"report results.db", "report results.db --format md", "report results.db --format csv",
        "compare results.db results.db --markdown s.md --junit j.xml", "speedup results.db",
        "history results.db --metric token_ppl", "compare results.db results.db --json",
        "report results.db --experiment '\x1b[31mx\u202e'", "baseline list --baselines base.db"}) {
    const CommandOutput result = world_.shell("assay " + command);
    const std::string said = result.out + result.err;
    EXPECT_THAT(said, Not(HasSubstr("\x1b"))) << command;
    EXPECT_THAT(said, Not(HasSubstr("\u202e"))) << command;
    EXPECT_NE(result.code, 70) << command << said;
  }
  const std::string markdown = read_text_file(world_ / "s.md");
  EXPECT_THAT(markdown, AllOf(HasSubstr("\\<img src=x\\>\\|\\`\\*"), Not(HasSubstr("\x1b"))));
  const std::string junit = read_text_file(world_ / "j.xml");
  EXPECT_THAT(junit, AllOf(HasSubstr("&lt;img"), HasSubstr("\\ufffe"), Not(HasSubstr("\ufffe"))));
  const CommandOutput report = world_.run({"report", "results.db", "--format", "junit"});
  EXPECT_THAT(report.out, AllOf(HasSubstr("\\ufffe"), Not(HasSubstr("\ufffe"))));
}

}  // namespace
}  // namespace assay
