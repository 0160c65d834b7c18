// What the long report shows of searches.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "reports/report_fixture.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Two seeds of a search and of its anchor; both targets of a search are one search.
TEST(SearchSection, SearchesAreComparedWithTheRandomOneSeedBySeed) {
  ExperimentResults results;
  results.name = "searched";
  const auto add = [&](const char* searcher, double target, int seed, double shift) {
    const std::string params = fmt::format(R"({{"searcher":"{}","target":{}}})", searcher, target);
    const auto metric = [&](const std::string& name, double value) {
      results.rows.push_back(row("nas", params, "news-ppl", name, value, 0));
      results.rows.back().seed = seed;
    };
    for (const int n : {1, 2, 3}) {
      const std::string number = std::to_string(n);
      metric("search/quality/evaluation." + number, 3.0 - shift - 0.1 * n);
      metric("search/cost/evaluation." + number, 0.1 * n);
      metric("search/hypervolume/evaluation." + number, 0.01 * n + shift + 0.001 * seed);
    }
    metric("search/evaluations", 3);
  };
  for (const int seed : {0, 1}) {
    for (const double target : {0.5, 0.8}) add("nsga2", target, seed, 0.2 + 0.001 * seed);
    add("random", 0.5, seed, 0.1);
  }
  const Document document = document_of(results);
  const Section* section = find(document, "search");
  ASSERT_NE(section, nullptr);
  const Table& table = section->tables.at(0);
  ASSERT_EQ(table.rows.size(), 2U);
  const auto& nsga2 = table.rows[0];
  EXPECT_THAT(nsga2[0].text, AllOf(HasSubstr("nsga2"), Not(HasSubstr("target"))));
  EXPECT_EQ(nsga2[1].value, 2);
  EXPECT_NEAR(*nsga2[3].value, 0.03 + 0.2 + 0.001, 1e-12);
  EXPECT_NEAR(*nsga2[4].value, 0.1005, 1e-12);
  EXPECT_EQ(nsga2[5].text, "better than random");
  EXPECT_EQ(table.rows[1][4].value, std::nullopt);
  const Plot& candidates = section->plots.at(0);
  ASSERT_EQ(candidates.series.size(), 2U);
  EXPECT_EQ(candidates.series[0].points.size(), 6U);
  const auto marked = [](const PlotSeries& series) {
    return std::count_if(series.points.begin(), series.points.end(),
                         [](const PlotPoint& point) { return point.marked; });
  };
  EXPECT_EQ(marked(candidates.series[0]), 3) << "seed 1 beats seed 0 at every size";
  EXPECT_EQ(marked(candidates.series[1]), 0);
  const Plot& volumes = section->plots.at(1);
  std::vector<double> x;
  for (const PlotPoint& point : volumes.series[0].points) x.push_back(point.x);
  EXPECT_THAT(x, ElementsAre(1, 2, 3));
  EXPECT_TRUE(volumes.series[0].points[0].y_lo.has_value());
}

TEST(SearchSection, ASearchByTimeShowsWhatWasPredictedAndMeasured) {
  ExperimentResults results;
  results.name = "by_time";
  const auto metric = [&](const std::string& name, double value) {
    results.rows.push_back(row("nas", R"({"cost":"latency"})", "news-ppl", name, value, 0));
  };
  metric("search/hypervolume/evaluation.1", 0.1);
  metric("search/quality/evaluation.1", 3);
  metric("search/cost/evaluation.1", 0.5);
  for (const int n : {4, 7}) {
    const std::string number = fmt::format("evaluation.{}", n);
    metric("front/predicted/" + number, 0.1 * n);
    metric("front/timed/" + number, 0.1 * n + 0.02);
    metric("front/timed_lo/" + number, 0.1 * n + 0.01);
    metric("front/timed_hi/" + number, 0.1 * n + 0.03);
  }
  metric("latency/networks", 12);
  metric("latency/error", 0.03);
  metric("front/error", 0.04);
  metric("search/front", 2);
  const Document document = document_of(results);
  const Section* section = find(document, "search");
  ASSERT_NE(section, nullptr);
  ASSERT_EQ(section->tables.size(), 2U);
  const auto& cells = section->tables[1].rows.at(0);
  EXPECT_EQ(cells[1].value, 12);
  EXPECT_EQ(cells[2].value, 0.03);
  EXPECT_EQ(cells[3].value, 2);
  EXPECT_EQ(cells[4].value, 0.04);
  const auto& points = section->plots.at(2).series.at(0).points;
  ASSERT_EQ(points.size(), 2U);
  EXPECT_NEAR(points[1].x, 0.7, 1e-12);
  EXPECT_NEAR(*points[1].y, 0.72, 1e-12);
  EXPECT_NEAR(*points[1].y_lo, 0.71, 1e-12);
}

/// A network that is small by one measure says nothing of one that is by another.
TEST(SearchSection, SearchesOfOtherSizesAreDrawnApart) {
  ExperimentResults results;
  results.name = "sizes";
  for (const char* params : {R"({"cost":"latency","latency_of":"decode"})",
                             R"({"cost":"latency","latency_of":"pass"})", R"({"cost":"macs"})"}) {
    const auto metric = [&](const std::string& name, double value) {
      results.rows.push_back(row("nas", params, "news-ppl", name, value, 0));
    };
    metric("search/hypervolume/evaluation.1", 0.1);
    metric("search/quality/evaluation.1", 3);
    metric("search/cost/evaluation.1", 0.5);
  }
  const Document document = document_of(results);
  const Section* section = find(document, "search");
  ASSERT_NE(section, nullptr);
  ASSERT_EQ(section->plots.size(), 6U);
  EXPECT_THAT(section->plots[0].x.title, HasSubstr("latency of decode"));
  EXPECT_THAT(section->plots[2].x.title, HasSubstr("latency of pass"));
  EXPECT_THAT(section->plots[4].x.title, HasSubstr("macs"));
  for (const std::size_t plot : {0, 2, 4}) {
    ASSERT_EQ(section->plots[plot].series.size(), 1U);
    EXPECT_TRUE(section->plots[plot].series[0].points[0].marked);
  }
}

TEST(SearchSection, ASearchThatJudgesByPartsIsDrawnByWhatItSpent) {
  ExperimentResults results;
  results.name = "parts";
  const std::vector<double> parts = {0.25, 0.25, 0.5, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto metric = [&](const char* name, double value) {
      results.rows.push_back(row("nas", R"({"searcher":"evopress"})", "news-ppl",
                                 fmt::format("search/{}/evaluation.{}", name, i + 1), value, 0));
    };
    if (parts[i] < 1) metric("fidelity", parts[i]);
    metric("quality", 3);
    metric("cost", 0.5);
    metric("hypervolume", 0.1 * static_cast<double>(i + 1));
  }
  const Document document = document_of(results);
  const Section* section = find(document, "search");
  ASSERT_NE(section, nullptr);
  const auto& points = section->plots.at(1).series.at(0).points;
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].x, 1);
  EXPECT_NEAR(*points[0].y, 0.3, 1e-12);
  EXPECT_EQ(points[1].x, 2);
  EXPECT_NEAR(*points[1].y, 0.4, 1e-12);
}

}  // namespace
}  // namespace assay
