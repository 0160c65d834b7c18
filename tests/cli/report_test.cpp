// `assay report`, `history` and `import` from the command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kMethod = "[[method]]\nid = \"pretend\"\nends = \"well\"\n";
constexpr const char* kReport =
    "[[report]]\nname = \"speed\"\ntitle = \"How fast\"\nwhere = [\"suite=decode\"]\n"
    "group_by = [\"method\"]\n";

TEST(Report, ALayoutChangesNoCell) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  world.write("e.toml", experiment_text(kMethod, kSuites) + kReport);
  const CommandOutput again = world.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.err, HasSubstr("4 of them stored before; 0 artefacts fitted"));
  const CommandOutput table = world.run({"report", "results.db", "--layout", "speed"});
  EXPECT_THAT(table.out,
              AllOf(HasSubstr("How fast"), HasSubstr("pretend"), Not(HasSubstr("letters-ppl"))));
  const CommandOutput wrong = world.run({"report", "results.db", "--layout", "sped"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("unknown layout 'sped'; did you mean 'speed'?"));
}

TEST(Report, WritesAFolderWithEveryTable) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites) + kReport);
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const CommandOutput written =
      world.run({"report", "results.db", "--format", "tex", "-o", "out/"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_THAT(read_text_file(world / "out/speed.tex"), HasSubstr("How fast"));
  EXPECT_TRUE(fs::exists(world / "out/report.tex"));
  ASSERT_EQ(world.run({"report", "results.db", "-o", "page.html"}).code, 0);
  ASSERT_EQ(world.run({"report", "results.db", "-o", "again.html"}).code, 0);
  const std::string page = read_text_file(world / "page.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<!DOCTYPE html>"), HasSubstr("How fast"),
                          HasSubstr("Raw times in the order of the run")));
  EXPECT_EQ(page, read_text_file(world / "again.html"));
}

TEST(Report, TablesOnDemand) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const CommandOutput table =
      world.run({"report", "results.db", "--where", "method=dense", "--group-by", "suite",
                 "--columns", "token_ppl,decode/*", "--format", "csv"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("dense"), Not(HasSubstr("pretend"))));
  const CommandOutput wrong = world.run({"report", "results.db", "--group-by", "sute"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'suite'?"));
  EXPECT_EQ(world.run({"report", "results.db", "--layout", "x", "--where", "a=b"}).code, 2);
}

TEST(Report, ImportedRowsAreMarkedEverywhere) {
  const CliWorld world;
  world.write(
      "pub.csv",
      "model,method,params.strength,suite,metric,direction,value\n"
      "vgg,dense,,cifar,acc,1,0.93\nvgg,prune,2,cifar,acc,1,0.92\nvgg,prune,8,cifar,acc,1,\n");
  const CommandOutput done = world.run({"import", "pub.csv", "--db", "i.db"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("pub: 3 cells with 2 values and 1 gaps"));
  for (const char* format : {"terminal", "md", "tex", "html"}) {
    const std::string text = world.run({"report", "i.db", "--format", format}).out;
    EXPECT_THAT(text, AllOf(HasSubstr("IMPORTED"), HasSubstr("NOT MEASURED"))) << format;
  }
  world.write("bad.csv", "model,method\n");
  EXPECT_EQ(world.run({"import", "bad.csv", "--db", "i.db"}).code, 2);
  EXPECT_EQ(world.run({"import", "none.csv", "--db", "i.db"}).code, 2);
}

TEST(History, ShowsBaselines) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  for (const char* commit : {"aaaa1111", "bbbb2222"}) {
    ASSERT_EQ(world.run({"baseline", "save", "main", "--commit", commit}).code, 0);
  }
  const CommandOutput history = world.run({"history", "token_ppl"});
  EXPECT_EQ(history.code, 0) << history.err;
  EXPECT_THAT(history.out, AllOf(HasSubstr("History of token_ppl"), HasSubstr("no step")));
  ASSERT_EQ(world.run({"history", "token_ppl", "-o", "h.html"}).code, 0);
  EXPECT_THAT(read_text_file(world / "h.html"), HasSubstr("aaaa1111"));
  EXPECT_EQ(world.run({"history", "tken_ppl"}).code, 2);
}

}  // namespace
}  // namespace assay
