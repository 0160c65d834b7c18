// Databases that would not last: refused before anything is measured, or noticed meanwhile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";
constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\n";
constexpr const char* kSlow =
    "[[method]]\nid = \"pretend\"\nends = \"slow\"\nsparsity = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]\n";

std::ptrdiff_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

bool measuring(const CliWorld& world) { return fs::exists(world / "home/asked"); }

fs::path only_file_with(const fs::path& folder, const std::string& part) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().string().find(part) == std::string::npos) continue;
    EXPECT_TRUE(found.empty()) << found << entry.path();
    found = entry.path();
  }
  return found;
}

TEST(LastingDatabase, EveryCommandRefusesNamesThatAreNoFilesBeforeItDoesAnything) {
  const CliWorld world;
  world.write("e.toml", experiment_text("", std::string(kPpl) + kDecode));
  world.write("r.csv", "model,method,suite,metric,value\nm,dense,s,acc,1\n");
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  fs::remove(world / "home/asked");
  const std::ptrdiff_t before = files_in(world / ".");
  const std::vector<std::vector<std::string>> commands = {
      {"run", "e.toml", "--db"},
      {"plan", "e.toml", "--db"},
      {"check", "e.toml", "--baseline", "results.db", "--db"},
      {"check", "e.toml", "--baseline"},
      {"breakeven", "e.toml", "--over", "batch", "--from", "1", "--to", "2", "--db"},
      {"speedup", "--db"},
      {"autotune", "--budget", "1", "--over", "a.b", "--db"},
      {"history", "decode/token_latency", "--db"},
      {"import", "r.csv", "--db"},
      {"compare", "small", "small", "--db"},
      {"baseline", "save", "main", "--commit", "1", "--db"},
      {"baseline", "save", "main", "--commit", "1", "--baselines"},
      {"baseline", "list", "--baselines"},
      {"doctor", "--comparisons", "0", "--db"},
      {"reproduce", "--db"},
      {"report"},
  };
  for (const auto& command : commands) {
    for (const char* name :
         {"", ":memory:", "file:x.db", "file:x?mode=memory&cache=shared", "/dev/null", "home"}) {
      std::vector<std::string> words = command;
      words.emplace_back(name);
      const CommandOutput output = world.run(words);
      EXPECT_EQ(output.code, 2) << command.front() << " '" << name << "': " << output.err;
      EXPECT_TRUE(output.out.empty()) << output.out;
    }
  }
  EXPECT_EQ(files_in(world / "."), before) << "a file was made";
  EXPECT_FALSE(fs::exists(world / "home/asked")) << "a worker ran";
}

TEST(LastingDatabase, TheReasonSaysWhatToDo) {
  const CliWorld world;
  world.write("e.toml", experiment_text("", kPpl));
  EXPECT_THAT(world.run({"run", "e.toml", "--db", ""}).err,
              HasSubstr("the name of the database is empty; give a file, such as --db results.db"));
  EXPECT_THAT(world.run({"run", "e.toml", "--db", ":memory:"}).err,
              HasSubstr(":memory:: is no file name"));
  EXPECT_THAT(world.run({"run", "e.toml", "--db", "/dev/null"}).err,
              HasSubstr("/dev/null: is a device, pipe or socket"));
}

TEST(LastingDatabase, ARemovedFileEndsTheRunWith3AndTheRowsAreSaved) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kSlow, kPpl));
  bool removed = false;
  const CommandOutput output = world.run({"run", "e.toml"}, [&](long) {
    if (!removed && measuring(world)) removed = fs::remove(world / "results.db");
  });
  EXPECT_EQ(output.code, 3) << output.err;
  EXPECT_THAT(output.err, HasSubstr("results.db: the database was removed or replaced while it was "
                                    "in use; what was measured so far is saved in"));
  const fs::path copy = only_file_with(world / ".", ".rescued-");
  ASSERT_FALSE(copy.empty());
  EXPECT_THAT(world.run({"report", copy.string()}).out, AllOf(HasSubstr("dense"), HasSubstr("20")));
  fs::rename(copy, world / "results.db");
  const CommandOutput again = world.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, AllOf(HasSubstr("7 cells OK, 0 UNMET, 0 failed; "),
                               Not(HasSubstr("; 0 of them stored before"))));
}

TEST(LastingDatabase, AMovedFileEndsTheRunWith3AndSaysWhereItIs) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kSlow, kPpl));
  bool moved = false;
  const CommandOutput output = world.run({"run", "e.toml"}, [&](long) {
    if (moved || !measuring(world)) return;
    fs::rename(world / "results.db", world / "elsewhere.db");
    moved = true;
  });
  EXPECT_EQ(output.code, 3) << output.err;
  EXPECT_THAT(output.err, AllOf(HasSubstr("results.db: the database was moved to"),
                                HasSubstr("elsewhere.db while it was in use")));
  EXPECT_FALSE(fs::exists(world / "results.db"));
  const CommandOutput again = world.run({"run", "e.toml", "--db", "elsewhere.db"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("; 0 of them stored before")));
}

TEST(LastingDatabase, AReplacedFileIsNotWrittenTo) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kSlow, kPpl));
  bool replaced = false;
  const CommandOutput output = world.run({"run", "e.toml"}, [&](long) {
    if (replaced || !measuring(world)) return;
    world.write("results.db", "a letter\n");
    replaced = true;
  });
  EXPECT_EQ(output.code, 3) << output.err;
  EXPECT_EQ(read_text_file(world / "results.db"), "a letter\n");
  EXPECT_FALSE(only_file_with(world / ".", ".rescued-").empty());
}

TEST(LastingDatabase, WhatIsRefusedMakesNoDatabase) {
  const CliWorld world;
  world.write("bad.csv", "model,method\nm,dense\n");
  EXPECT_EQ(world.run({"import", "bad.csv"}).code, 2);
  EXPECT_EQ(world.run({"import", "nowhere.csv"}).code, 2);
  world.write("e.toml", experiment_text("", "[[suite]]\nid = \"letters-ppl\"\nwindow = 999999\n"));
  EXPECT_EQ(world.run({"run", "e.toml"}).code, 2);
  world.write("m.toml", experiment_text("", kPpl));
  fs::remove(world / "model/config.json");
  EXPECT_EQ(world.run({"run", "m.toml"}).code, 2);
  EXPECT_EQ(world.run({"baseline", "save", "main", "--commit", "1"}).code, 2);
  EXPECT_FALSE(fs::exists(world / "results.db"));
  EXPECT_FALSE(fs::exists(world / "baselines.db"));
}

}  // namespace
}  // namespace assay
