#include "harness/judge/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Comparison example() {
  std::mt19937 random(1);
  const Arms slow = simulate(1.5, 12, random, {.drift = 0, .correlation = 0, .noise = 0.005});
  std::vector<CellRecord> base{timed_cell("dense", slow.a), make_record("wa|nda<&\"")};
  std::vector<CellRecord> candidate{timed_cell("dense", slow.b), make_record("wa|nda<&\"")};
  base[0].metrics.push_back(value_metric("model/resident_bytes", 5, "B"));
  candidate[0].metrics.push_back(value_metric("model/resident_bytes", 5, "B"));
  candidate[1].status = "CRASHED";
  candidate[1].reason = "line\nbreak \x01";
  Comparison comparison = compare_cells(base, candidate, {});
  comparison.base = "old.db";
  comparison.candidate = "new.db";
  return comparison;
}

TEST(Render, JsonHoldsEverything) {
  const Json document = comparison_json(example(), ExitCode::kWorse);
  EXPECT_EQ(document.at("exit_code"), 1);
  EXPECT_EQ(document.at("counts").at("worse"), 1);
  EXPECT_EQ(document.at("counts").at("not measured"), 1);
  const Json& row = document.at("rows").at(0);
  EXPECT_EQ(row.at("verdict"), "worse");
  EXPECT_EQ(row.at("test").at("variant"), "signflip_exact");
  EXPECT_NEAR(row.at("effect").get<double>(), 1.5, 0.05);
  EXPECT_TRUE(document.at("rows").at(2).at("base").is_null());
  EXPECT_NO_THROW(static_cast<void>(canonical_json(document.at("rows").at(0))));
}

TEST(Render, MarkdownShowsFirstWhatNeedsALook) {
  const std::string text = comparison_markdown(example(), ExitCode::kWorse);
  EXPECT_THAT(text, AllOf(HasSubstr("something got worse"), HasSubstr("wa\\|nda"),
                          HasSubstr("1 worse, 1 not measured, 1 same"), HasSubstr("<details>"),
                          HasSubstr("line\\\\nbreak \\\\x01")));
  EXPECT_LT(text.find("| worse |"), text.find("<details>"));
}

TEST(Render, JunitIsEscaped) {
  const std::string text = comparison_junit(example(), false);
  EXPECT_THAT(text, AllOf(HasSubstr("tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\""),
                          HasSubstr("wa|nda&lt;&amp;&quot;"), HasSubstr("line\\nbreak \\x01"),
                          HasSubstr("<failure type=\"worse\""), Not(HasSubstr("\x01"))));
}

TEST(Render, AmbiguousFailsUnlessAllowed) {
  Comparison comparison = example();
  comparison.rows[0].judgement.verdict = Verdict::kAmbiguous;
  EXPECT_THAT(comparison_junit(comparison, false), HasSubstr("failures=\"1\""));
  EXPECT_THAT(comparison_junit(comparison, true), HasSubstr("failures=\"0\""));
}

TEST(Render, WaiversAreShownEverywhere) {
  Comparison comparison = example();
  waive(comparison, {{"decode/dense/decode/*", "known <so far>"}});
  EXPECT_THAT(comparison_text(comparison),
              AllOf(HasSubstr("worse (waived)"), HasSubstr("waived: known <so far>"),
                    HasSubstr("1 not measured, 1 same, 1 waived\n")));
  EXPECT_THAT(comparison_markdown(comparison, ExitCode::kNotMeasured), HasSubstr("worse (waived)"));
  EXPECT_THAT(comparison_junit(comparison, false),
              AllOf(HasSubstr("failures=\"0\""), HasSubstr("skipped=\"1\""),
                    HasSubstr("waived: known &lt;so far&gt;")));
  const Json document = comparison_json(comparison, ExitCode::kNotMeasured);
  EXPECT_EQ(document.at("counts").at("waived"), 1);
  EXPECT_EQ(document.at("rows").at(0).at("waived"), "known <so far>");
  EXPECT_TRUE(document.at("rows").at(1).at("waived").is_null());
}

TEST(Render, TextEndsWithTheCounts) {
  const std::string text = comparison_text(example());
  EXPECT_THAT(text, HasSubstr("new.db against old.db: 1 worse, 1 not measured, 1 same\n"));
  EXPECT_THAT(comparison_text({}), HasSubstr("nothing to compare"));
}

TEST(Render, ColoursAreOfVerdictsAloneAndTheWordsStay) {
  const std::string plain = comparison_text(example());
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  std::string coloured = comparison_text(example(), true);
  EXPECT_THAT(coloured, AllOf(HasSubstr("\x1b[38;5;166mworse\x1b[0m"),
                              HasSubstr("\x1b[1mnot measured\x1b[0m"), HasSubstr("\nsame ")));
  for (std::size_t at = 0; (at = coloured.find('\x1b')) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  }
  EXPECT_EQ(coloured, plain);
}

TEST(Render, RemarksOfBothSidesStandBesideTheirRows) {
  std::mt19937 random(1);
  const Arms same = simulate(1.0, 12, random, {.drift = 0, .correlation = 0, .noise = 0.005});
  std::vector<CellRecord> base{timed_cell("dense", same.a)};
  std::vector<CellRecord> candidate{timed_cell("dense", same.b)};
  base[0].remarks = {{"warning", "model_head", "stored, different head"},
                     {"warning", "not_steady", "moved by 3 %"}};
  candidate[0].remarks = {{"warning", "model_head", "stored, different head"},
                          {"warning", "data_altered", "differs | from <the> pinned content"}};
  const Comparison comparison = compare_cells(base, candidate, {});
  ASSERT_EQ(comparison.rows.size(), 1U);
  EXPECT_THAT(comparison_text(comparison),
              AllOf(HasSubstr(" [1][2][3]"), HasSubstr("[1] both: model_head: stored"),
                    HasSubstr("[2] base: not_steady: moved by 3 %"),
                    HasSubstr("[3] candidate: data_altered: differs")));
  EXPECT_THAT(
      comparison_markdown(comparison, ExitCode::kOk),
      AllOf(HasSubstr("\\[1\\]\\[2\\]\\[3\\]"), HasSubstr("\n- [3] candidate: data_altered")));
  EXPECT_THAT(comparison_junit(comparison, false),
              HasSubstr("candidate: data_altered: differs | from &lt;the&gt; pinned content"));
  const Json remarks = comparison_json(comparison, ExitCode::kOk).at("rows").at(0).at("remarks");
  ASSERT_EQ(remarks.size(), 3U);
  EXPECT_EQ(remarks.at(0).at("side"), "both");
  EXPECT_EQ(remarks.at(2).at("code"), "data_altered");
}

TEST(Render, Effects) {
  Judgement judgement;
  EXPECT_EQ(effect_text(judgement), "");
  judgement.effect = 1.123;
  judgement.interval = Interval{1.098, 1.14};
  EXPECT_EQ(effect_text(judgement), "+12.3 % [+9.8, +14.0]");
  judgement.difference = true;
  judgement.effect = -0.031;
  judgement.interval = Interval{-0.042, -0.02};
  EXPECT_EQ(effect_text(judgement), "-3.1 points [-4.2, -2.0]");
}

}  // namespace
}  // namespace assay
