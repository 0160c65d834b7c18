// Numbers, widths and labels on their own.

#include <gtest/gtest.h>

#include "harness/base/display.h"
#include "reports/environment_lines.h"
#include "reports/labels.h"
#include "reports/numbers.h"

namespace assay {
namespace {

TEST(Numbers, KeepFourDigits) {
  EXPECT_EQ(number_text(17.8432), "17.84");
  EXPECT_EQ(number_text(0.031234), "0.03123");
  EXPECT_EQ(number_text(12345.6), "12346");
  EXPECT_EQ(number_text(0), "0.0");
  EXPECT_EQ(number_text(-2.5), "-2.500");
  EXPECT_EQ(number_text(1.5e9), "1.500e+09");
  EXPECT_EQ(number_text(1.5e-7), "1.500e-07");
}

TEST(Numbers, IntervalsSayWhetherTheyAreEven) {
  EXPECT_EQ(interval_text(17.84, 17.20, 18.48), "±0.64");
  EXPECT_EQ(interval_text(17.84, 17.00, 18.00), "[17.00, 18.00]");
  EXPECT_EQ(interval_text(17.84, std::nullopt, 18.00), "");
}

TEST(Numbers, UnitsFitTheSmallestValue) {
  EXPECT_EQ(style_for("s", {0.0021, 3.0}).unit, "ms");
  EXPECT_EQ(style_for("s", {2.0, 3.0}).unit, "s");
  EXPECT_EQ(style_for("B", {5e8, 6e9}).unit, "MiB");
  EXPECT_EQ(style_for("tokens/s", {5e8}).unit, "tokens/s");
  EXPECT_EQ(style_for("s", {}).divisor, 1);
  EXPECT_EQ(style_for("B", {0.0}).unit, "B");
}

TEST(Numbers, RatiosStayShort) {
  EXPECT_EQ(ratio_text(1.415), "1.42x");
  EXPECT_EQ(ratio_text(123.4), "123.4x");
  EXPECT_EQ(ratio_text(123456.0), "1.2e+05x");
  EXPECT_EQ(ratio_text(std::nullopt), "");
}

TEST(TextLayout, MeasuresWhatATerminalShows) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("漢字"), 4U);
  EXPECT_EQ(display_width("🧪"), 2U);
}

TEST(TextLayout, WritesControlsOut) {
  EXPECT_EQ(visible("a\nb\tc\x1b[0m"), "a\\nb\\tc\\x1b[0m");
  EXPECT_EQ(visible("\u202e"), "\\u202e");
  EXPECT_EQ(visible("a\xff"
                    "b\xe2\x82"),
            "a\uFFFDb\uFFFD\uFFFD");
  EXPECT_EQ(visible("\xc0\xaf"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(visible("漢é🧪"), "漢é🧪");
}

TEST(TextLayout, CutsBetweenCharacters) {
  EXPECT_EQ(cut("漢字漢字", 5), "漢字…");
  EXPECT_EQ(cut("abc", 3), "abc");
  EXPECT_EQ(cut("abcd", 1), "…");
  EXPECT_EQ(pad_left("漢", 4), "  漢");
}

ResultRow row(const std::string& method, const std::string& params, std::int64_t seed = 0) {
  ResultRow result;
  result.method = method;
  result.params = params;
  result.suite = "decode";
  result.suite_params = R"({"batch":1,"prompt":8})";
  result.seed = seed;
  return result;
}

TEST(Labels, ShowWhatTellsRowsApart) {
  const std::vector<ResultRow> rows = {row("wanda", R"({"sparsity":0.5,"a":1,"b":{"c":2}})"),
                                       row("wanda", R"({"sparsity":0.5,"a":1,"b":{"c":3}})"),
                                       row("ria", R"({"sparsity":0.625,"a":1})")};
  const Labels labels(rows);
  EXPECT_EQ(labels.method(rows[0]), "wanda 50% b.c=2");
  EXPECT_EQ(labels.method(rows[1]), "wanda 50% b.c=3");
  EXPECT_EQ(labels.method(rows[2]), "ria 62.5%");
  EXPECT_EQ(labels.suite(rows[0]), "decode");
}

TEST(Labels, NameTheLinksOfAChain) {
  std::vector<ResultRow> rows(3);
  for (ResultRow& row : rows) row.method = "wanda";
  rows[0].params = R"({"sparsity":0.5})";
  rows[1].params = R"({"sparsity":0.5,"then":[{"id":"quantize","bits":3,"group":32}]})";
  rows[2].params = R"({"sparsity":0.5,"then":[{"id":"quantize","bits":4,"group":32}]})";
  const Labels labels({rows[1], rows[2]});
  EXPECT_EQ(labels.method(rows[1]), "wanda 50% then quantize bits=3");
  EXPECT_EQ(labels.method(rows[2]), "wanda 50% then quantize bits=4");
  EXPECT_EQ(Labels(rows).method(rows[0]), "wanda 50%");
}

/// Rows without the link, or with another one there, make none of its parameters worth showing.
TEST(Labels, ALinkShowsWhatTellsItFromTheSameLink) {
  std::vector<ResultRow> rows;
  for (const char* params :
       {R"({"n":2})", R"({"n":5,"then":[{"id":"cofi","rate":0.1,"sparsity":0.6}]})",
        R"({"n":2,"then":[{"id":"cofi","rate":0.1,"sparsity":0.8}]})",
        R"({"n":2,"then":[{"id":"finetune","epochs":1,"rate":0.2}]})"}) {
    rows.emplace_back();
    rows.back().method = "mux";
    rows.back().params = params;
  }
  const Labels labels(rows);
  EXPECT_EQ(labels.method(rows[0]), "mux n=2");
  EXPECT_EQ(labels.method(rows[1]), "mux n=5 then cofi sparsity=0.6");
  EXPECT_EQ(labels.method(rows[2]), "mux n=2 then cofi sparsity=0.8");
  EXPECT_EQ(labels.method(rows[3]), "mux n=2 then finetune");
}

/// What one row calibrates on and another does not is shown where nothing else tells them apart.
TEST(Labels, LeaveOutWhatOnlySomeHaveWhereOtherThingsDiffer) {
  const ResultRow rounded = row("quantize", R"({"bits":8,"algorithm":"rtn"})");
  const ResultRow fitted =
      row("quantize", R"({"bits":4,"algorithm":"gptq","calibration":{"n":16}})");
  const ResultRow same = row("quantize", R"({"bits":8,"algorithm":"rtn","calibration":{"n":16}})");
  EXPECT_EQ(Labels({rounded, fitted}).method(fitted), "quantize algorithm=gptq bits=4");
  EXPECT_EQ(Labels({rounded, same}).method(same), "quantize calibration.n=16");
  EXPECT_EQ(Labels({rounded, fitted, same}).method(fitted),
            "quantize algorithm=gptq bits=4 calibration.n=16");
}

TEST(Labels, ShowSeedsAndSuiteParametersOnlyWhenTheyVary) {
  std::vector<ResultRow> rows = {row("dense", "{}", 0), row("dense", "{}", 7)};
  rows[1].suite_params = R"({"batch":8,"prompt":8})";
  const Labels labels(rows);
  EXPECT_EQ(labels.method(rows[1]), "dense seed=7");
  EXPECT_EQ(labels.suite(rows[1]), "decode batch=8");
}

TEST(Environment, SaysEachMachineOnce) {
  const Json machine = {{"cpu", {{"model", "X"}}}, {"torch", {{"threads", 2}}}, {"time", "now"}};
  EXPECT_EQ(environment_lines({machine, machine, Json::array()}),
            std::vector<std::string>{"X, threads 2"});
}

TEST(Environment, SaysTheQuotaOfTheProcessor) {
  const Json machine = {{"cpu", {{"model", "X"}}},
                        {"container", {{"cpu_quota_cores", 1.5}}},
                        {"torch", {{"threads", 1}}}};
  EXPECT_EQ(environment_lines({machine}),
            std::vector<std::string>{"X, threads 1, CPU quota 1.5 cores"});
}

}  // namespace
}  // namespace assay
