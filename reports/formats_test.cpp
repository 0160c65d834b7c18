// What must hold of single formats for any input.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reports/html/embedded.h"
#include "reports/html/html_text.h"
#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// The page without its plotting library.
std::string page(const ExperimentResults& results) {
  std::string text = render(results, "html");
  const std::size_t at = text.find("id=\"plotly-source\">");
  if (at != std::string::npos) text.erase(at, text.find("</script>", at) - at);
  return text;
}

Json data_of(const std::string& html) {
  const std::string start = "id=\"report-data\">";
  const std::size_t at = html.find(start) + start.size();
  return Json::parse(html.substr(at, html.find("</script>", at) - at));
}

TEST(LmEval, OneArmIsOneDocumentWithItsKeys) {
  ExperimentResults results = one_row();
  ResultRow score = results.rows.front();
  score.metric = "acc";
  score.unit = "";
  score.value = 0.75;
  score.direction = 1;
  score.basis = Basis::kShare;
  score.n = 101;
  score.status = "OK";
  results.rows = {score};
  const Json document = Json::parse(render(results, "lm-eval"));
  const std::string task = score.suite;
  EXPECT_EQ(document.at("results").at(task).at("alias"), task);
  EXPECT_EQ(document.at("results").at(task).at("acc,none"), 0.75);
  // sqrt(0.75 * 0.25 / 100)
  EXPECT_NEAR(document.at("results").at(task).at("acc_stderr,none").get<double>(),
              0.04330127018922193, 1e-15);
  EXPECT_EQ(document.at("higher_is_better").at(task), Json({{"acc", true}}));
  EXPECT_EQ(document.at("n-shot").at(task), 0);
  EXPECT_EQ(document.at("n-samples").at(task).at("effective"), 101);
  EXPECT_EQ(document.at("config").at("method"), score.method);
  EXPECT_TRUE(document.at("versions").is_object());
}

TEST(LmEval, SeveralArmsAreALineEachAndWhatFailedIsSaid) {
  std::istringstream lines(render(usual(), "lm-eval"));
  std::size_t failed = 0;
  std::size_t arms = 0;
  for (std::string line; std::getline(lines, line); ++arms) {
    const Json document = Json::parse(line);
    failed += document.at("not_measured").size();
    for (const Json& result : document.at("results")) {
      EXPECT_FALSE(result.contains("decode/token_latency,none")) << "times are no scores";
    }
  }
  EXPECT_GT(arms, 1U);
  EXPECT_GT(failed, 0U);
}

TEST(Html, NamesCannotLeaveTheirPlace) {
  const std::string text = page(hostile());
  EXPECT_EQ(count(text, "</script>"), plotly_library().empty() ? 2U : 3U)
      << "data, library and program, no more";
  EXPECT_THAT(text, AllOf(Not(HasSubstr("<i>")), Not(HasSubstr("\x1b"))));
  EXPECT_NO_THROW((void)data_of(text));
}

TEST(Html, AsksNobodyForAnything) {
  const std::string text = page(usual());
  for (const char* part : {"src=\"http", "href=\"http", "@import", "url(http", "fetch("}) {
    EXPECT_THAT(text, Not(HasSubstr(part)));
  }
  EXPECT_THAT(text, HasSubstr("default-src 'none'"));
}

TEST(Html, HoldsEveryValueExactlyOnce) {
  const ExperimentResults results = usual();
  const Json values = data_of(page(results)).at("values");
  ASSERT_EQ(values.at("rows").size(), results.rows.size());
  for (std::size_t i = 0; i < results.rows.size(); ++i) {
    const Json& row = values.at("rows").at(i);
    const Json& cell = values.at("cells").at(row.at(0).get<std::size_t>());
    EXPECT_EQ(values.at("words").at(cell.at(5).get<std::size_t>()), results.rows[i].status);
    if (!results.rows[i].value) {
      EXPECT_EQ(row.size(), 2U) << "a gap is nothing, not zero";
      continue;
    }
    EXPECT_NEAR(row.at(2).get<double>(), *results.rows[i].value,
                1e-8 * std::abs(*results.rows[i].value));
  }
}

TEST(Html, EveryPictureHasItsData) {
  const std::string text = page(usual());
  const Json plots = data_of(text).at("plots");
  EXPECT_EQ(count(text, "class=\"canvas"), plots.size());
  EXPECT_GT(plots.size(), 0U);
  EXPECT_EQ(count(text, "<figure "), plots.size());
}

TEST(Html, TablesHaveCaptionsAndScopes) {
  const std::string text = page(usual());
  EXPECT_EQ(count(text, "<table "), count(text, "<caption "));
  EXPECT_EQ(count(text, "<th "), count(text, "<th scope="));
}

TEST(HtmlText, IsEscaped) {
  EXPECT_EQ(html_escaped("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  EXPECT_EQ(slug("Wanda, 50 %: größe"), "wanda-50-gr-e");
  EXPECT_EQ(slug("漢"), "x");
  std::string out;
  append_json_string(out, "</script>\"\\\n");
  EXPECT_EQ(Json::parse(out), "</script>\"\\\\n");
  EXPECT_THAT(out, Not(HasSubstr("<")));
  out.clear();
  append_json_number(out, 123456789012.0);
  EXPECT_EQ(out, "123456789012");
}

TEST(Tex, EscapesWhatTexWouldRead) {
  std::istringstream lines(render(hostile(), "tex"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('%')) text += line + '\n';  // TeX reads no comments
  }
  // Outside of our own commands no special character stands unescaped.
  EXPECT_THAT(text, AllOf(HasSubstr("\\textbackslash{}"), HasSubstr("\\&"), HasSubstr("\\%"),
                          HasSubstr("\\#"), HasSubstr("\\_"), HasSubstr("\\$"),
                          HasSubstr("\\texttt{U+1F9EA}"), Not(HasSubstr("\\input"))));
}

TEST(Tex, ShowsTheBestAndWhatDiffers) {
  const std::string text = render(usual(), "tex");
  EXPECT_THAT(text, AllOf(HasSubstr("\\textbf{23.37}\\textsuperscript{*}"), HasSubstr("\\toprule"),
                          HasSubstr("\\textsc{UNMET}"), HasSubstr("LIMITED RUN")));
  EXPECT_EQ(count(text, "\\begin{tabular}"), count(text, "\\end{tabular}"));
}

TEST(Tex, RowsHaveAsManyCellsAsColumns) {
  for (const ExperimentResults& results : {usual(), hostile(), all_failed()}) {
    const std::string text = render(results, "tex");
    const Document document = make_document(results);
    const std::size_t begin = text.find("\\midrule\n") + 9;
    const std::string body = text.substr(begin, text.find("\\bottomrule") - begin);
    const std::size_t rows = document.tables.at(0).rows.size();
    EXPECT_EQ(count(body, " \\\\\n"), rows);
    EXPECT_EQ(count(body, " & "), rows * (document.tables.at(0).columns.size() - 1));
  }
}

TEST(Junit, CountsWhatItLists) {
  const std::string text = render(usual(), "junit");
  EXPECT_EQ(count(text, "<testcase "), 12U);
  EXPECT_EQ(count(text, "<skipped "), 2U) << "tardis: the model lacks what it needs";
  EXPECT_EQ(count(text, "<failure "), 2U) << "OOM and CRASHED";
  EXPECT_THAT(text, HasSubstr("tests=\"12\" failures=\"2\" errors=\"0\" skipped=\"2\""));
}

TEST(Benchmark, HasOneEntryAProcessAndNoWarmUp) {
  ExperimentResults results = usual();
  results.timings.push_back(
      {results.rows[1].cell_key,
       "decode/token_latency",
       "s",
       {{0, 0, {9.0}, {0.1, 0.3, 0.2}}, {1, 1, {}, {0.5}}, {2, 2, {7.0}, {}}}});
  const Json report = Json::parse(render(results, "benchmark"));
  const Json& entries = report.at("benchmarks");
  ASSERT_EQ(entries.size(), 2U) << "a process without steady values says nothing";
  EXPECT_NEAR(entries.at(0).at("real_time").get<double>(), 0.2e9, 1);
  EXPECT_NEAR(entries.at(1).at("real_time").get<double>(), 0.5e9, 1);
  EXPECT_EQ(entries.at(0).at("name"), entries.at(1).at("name"));
  EXPECT_EQ(entries.at(0).at("time_unit"), "ns");
}

}  // namespace
}  // namespace assay
