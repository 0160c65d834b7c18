// Data of users, from the raw file to the table: the real worker and the real Python tools on a
// tiny model and a tokenizer of two letters.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQuestions = R"(name = "mine"
summary = "questions written by hand"
licence = "none"
source = "me"
kind = "items"
[splits.all]
files = ["mine.jsonl"]
)";
constexpr const char* kQuestionSuite = R"(id = "my-questions"
kind = "multiple_choice"
dataset = "mine"
split = "all"
task = "openbookqa"
summary = "my questions"
)";
constexpr const char* kRight = R"({"query": "a b", "choices": ["a", "b"], "gold": 0})";
constexpr const char* kBoth =
    "[[suite]]\nid = \"my-questions\"\n[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n";
constexpr const char* kText = "[[suite]]\nid = \"letters-ppl\"\nwindow = 8\n";
constexpr const char* kWanda = R"([[method]]
id = "wanda"
sparsity = 0.5
calibration = { dataset = "letters", split = "all", samples = 2, tokens = 8 }
)";

std::string letters(const std::string& end) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += (i % 3 == 0 ? "a b a a" : "b a b") + end;
  return text;
}

class RealData : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    world_.write("share/datasets/mine.toml", kQuestions);
    world_.write("share/datasets/suites/my-questions.toml", kQuestionSuite);
    world_.write("data/letters.txt", letters("\n"));
  }
  CommandOutput run(const std::string& suites, const std::string& methods = "") const {
    world_.write("e.toml", experiment_text(methods, suites));
    return world_.run({"run", "e.toml"});
  }
  [[nodiscard]] std::vector<std::string> column(const std::string& sql,
                                                const std::string& database = "results.db") const {
    SQLite::Database opened((world_ / database).string());
    SQLite::Statement rows(opened, sql);
    std::vector<std::string> values;
    while (rows.executeStep()) values.push_back(rows.getColumn(0).getString());
    return values;
  }
  void pin_letters(const std::string& hash) const {
    const fs::path manifest = world_ / "share/datasets/letters.toml";
    std::string text = read_text_file(manifest);
    const std::string files = "files = [\"letters.txt\"]\n";
    text.insert(text.find(files) + files.size(), "sha256 = [\"" + hash + "\"]\n");
    write_file_atomically(manifest, text);
  }

  CliWorld world_;
};

TEST_F(RealData, OneBadQuestionStopsItsOwnSuiteOnly) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"query": "a", "choices": ["a", "b"], "gold": true})", "'gold' is true"},
      {R"({"query": "a", "choices": ["a", "b"], "gold": null})", "'gold' is null"},
      {R"({"query": "a", "choices": ["a", "b"], "gold": "1"})", "'gold' is \"1\""},
      {R"({"query": "a", "choices": ["a", "b"], "gold": [0]})", "'gold' is [0]"},
      {R"({"query": "a", "choices": ["a", "b"], "gold": 2})", "allowed: an integer from 0 to 1"},
      {R"({"query": "a", "choices": "ab", "gold": 0})", "'choices' is \"ab\""},
      {R"({"query": "a", "choices": ["a", null], "gold": 0})", "'choices[1]' is null"},
      {R"({"query": null, "choices": ["a", "b"], "gold": 0})", "'query' is null"},
      {R"({"query": "  ", "choices": ["a", "b"], "gold": 0})", "and gives no token"},
      {R"({"query": "a", "choices": ["a", "c"], "gold": 0})", "'choices' leaves no token to score"},
      {R"({"query": "a", "choices": ["a", "b"]})", "'gold' is missing"},
      {R"({"query": "a", )", "not JSON"},
  };
  for (const auto& [row, problem] : cases) {
    world_.write("data/mine.jsonl", std::string(kRight) + "\n" + row + "\n");
    const CommandOutput result = run(kBoth);
    EXPECT_EQ(result.code, 3) << row << result.err;
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("mine.jsonl:2: "), HasSubstr(problem), HasSubstr("allowed: "),
                      HasSubstr("1 cells OK, 1 UNMET, 0 failed")))
        << row;
    EXPECT_THAT(result.out, AllOf(HasSubstr("UNMET"), HasSubstr("mine.jsonl:2: "))) << row;
    EXPECT_THAT(column("SELECT DISTINCT suite || ' ' || status FROM results ORDER BY suite"),
                ElementsAre("letters-ppl OK", "my-questions UNMET"));
  }
  world_.write("data/mine.jsonl", std::string(kRight) + "\n");
  const CommandOutput mended = run(kBoth);
  EXPECT_EQ(mended.code, 0) << mended.err;
  EXPECT_THAT(mended.out, Not(HasSubstr("UNMET")));
}

TEST_F(RealData, APlanSaysWhatIsWrongWithAQuestion) {
  world_.write("data/mine.jsonl", R"({"query": "a", "choices": ["a", "b"], "gold": 7})");
  world_.write("e.toml", experiment_text("", kBoth));
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("mine.jsonl:1: 'gold' is 7"),
                              HasSubstr("2 cells: 0 stored, 1 to run, 1 unmet")));
}

/// Both sides of a cell say it: its text, and the text that its method was fitted on. Data that
/// were prepared before a pin was known do not lose the remark.
TEST_F(RealData, ContentThatIsNotPinnedIsSaidBesideEachResultAndItsBaseline) {
  ASSERT_EQ(run(kText, kWanda).code, 0);
  EXPECT_THAT(column("SELECT code FROM remarks"), ElementsAre());
  pin_letters(std::string(64, '0'));
  const CommandOutput result = run(kText, kWanda);
  ASSERT_EQ(result.code, 0) << result.err;
  const char* sql = "SELECT method || ' ' || code FROM remarks ORDER BY ordinal, first_event";
  const auto expected = ElementsAre("dense data_not_pinned", "wanda data_calibration_not_pinned",
                                    "wanda data_not_pinned");
  EXPECT_THAT(column(sql), expected);
  EXPECT_THAT(result.out, HasSubstr("raw file letters.txt has SHA-256 "));
  EXPECT_THAT(result.out, HasSubstr("pinned is 000000000000..."));
  fs::remove_all(world_ / "home/prepared");
  const CommandOutput saved = world_.run({"baseline", "save", "main", "--db", "results.db",
                                          "--baselines", "base.db", "--commit", "c1"});
  ASSERT_EQ(saved.code, 0) << saved.err;
  EXPECT_THAT(column(sql, "base.db"), expected);
}

TEST_F(RealData, TextOfAnotherProgramIsTheSameTextAndSaysSo) {
  const auto perplexity = [&](const std::string& content) {
    world_.write("data/letters.txt", content);
    const CommandOutput result = run(kText);
    EXPECT_EQ(result.code, 0) << result.err;
    return column("SELECT value FROM results WHERE metric = 'token_ppl'");
  };
  const std::vector<std::string> plain = perplexity(letters("\n"));
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_THAT(column("SELECT code FROM remarks"), ElementsAre());
  EXPECT_EQ(perplexity("\xEF\xBB\xBF" + letters("\r\n")), plain);
  EXPECT_THAT(column("SELECT code FROM remarks"),
              ElementsAre("data_byte_order_mark", "data_line_ends"));
  for (const std::string& empty : {std::string(), std::string(" \n\r\n")}) {
    world_.write("data/letters.txt", empty);
    const CommandOutput result = run(kText);
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("letters.txt: no text; needed: at least one document"));
  }
}

}  // namespace
}  // namespace assay
