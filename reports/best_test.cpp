// Which values are marked as best, and which are not told apart from them.

#include "reports/best.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

const auto kBest = Optional(true);
const auto kNot = Optional(false);

std::vector<std::optional<bool>> best(const std::vector<ResultRow>& rows,
                                      const Evidence& evidence = {}) {
  std::vector<Contender> contenders;
  for (const ResultRow& one : rows) contenders.push_back({&one, "all"});
  return best_of(contenders, evidence);
}

ResultRow speed(const std::string& method, double value, double half) {
  ResultRow one =
      with_meaning(row(method, "{}", "decode", "decode/token_latency", value, 0), "s", -1);
  return half > 0 ? with_interval(one, value - half, value + half) : one;
}

TEST(Best, OverlappingIntervalsShareTheMark) {
  EXPECT_THAT(best({speed("a", 1.0, 0.1), speed("b", 1.1, 0.1), speed("c", 1.5, 0.1)}),
              ElementsAre(kBest, kBest, kNot));
}

TEST(Best, WhatVariesAndHasNoIntervalIsNeverToldApart) {
  EXPECT_THAT(best({speed("a", 1.0, 0.1), speed("b", 9.0, 0), speed("c", 9.0, 0.1)}),
              ElementsAre(kBest, kBest, kNot));
}

TEST(Best, NothingIsBestWhereNothingCanBeCompared) {
  EXPECT_THAT(best({speed("a", 1.0, 0), speed("b", 9.0, 0)}),
              ElementsAre(std::nullopt, std::nullopt));
  EXPECT_THAT(best({speed("a", 1.0, 0.1), speed("b", 9.0, 0)}),
              ElementsAre(std::nullopt, std::nullopt));
}

TEST(Best, WhatDoesNotVaryIsComparedAsItStands) {
  std::vector<ResultRow> rows;
  for (const double bytes : {100.0, 101.0, 100.0}) {
    rows.push_back(with_meaning(row("m", "{}", "s", "model/resident_bytes", bytes, 0), "B", -1));
    rows.back().basis = Basis::kExact;
  }
  EXPECT_THAT(best(rows), ElementsAre(kBest, kNot, kBest));
  // Published results have no intervals and are compared as they stand.
  std::vector<ResultRow> published = {speed("a", 1.0, 0), speed("b", 9.0, 0)};
  for (ResultRow& one : published) one.profile = kImportedProfile;
  EXPECT_THAT(best(published), ElementsAre(kBest, kNot));
}

TEST(Best, OneAloneAndNeutralMetricsHaveNone) {
  EXPECT_THAT(best({speed("a", 1.0, 0.1)}), ElementsAre(std::nullopt));
  std::vector<ResultRow> neutral = {speed("a", 1.0, 0.1), speed("b", 9.0, 0.1)};
  for (ResultRow& one : neutral) one.direction = 0;
  EXPECT_THAT(best(neutral), ElementsAre(std::nullopt, std::nullopt));
}

/// Cells timed side by side on a machine that drifts far more than they differ.
struct SideBySide {
  std::vector<CellRecord> cells;
  std::vector<ResultRow> rows;

  void add(const std::string& method, double level, std::mt19937& random, bool rate = false) {
    CellRecord cell;
    cell.status = "OK";
    cell.session = "one";
    cell.cell_key = method + "decode";
    MetricRecord metric;
    metric.def = {"decode/token_latency", "s", -1, "", ""};
    std::normal_distribution<double> noise(0, 0.005);
    for (int i = 0; i < 12; ++i) {
      metric.processes.push_back({i, {level * std::exp(0.1 * i + noise(random))}});
    }
    metric.summary.value = level;
    cell.metrics = {metric};
    rows.push_back(speed(method, level, level / 2));
    if (rate) {
      MetricRecord derived;
      derived.def = {"decode/tokens_per_s", "tokens/s", 1, "", ""};
      derived.summary.value = 1 / level;
      cell.metrics.push_back(derived);
      rows.back() = with_interval(
          with_meaning(row(method, "{}", "decode", "decode/tokens_per_s", 1 / level, 0), "tokens/s",
                       1),
          0.5 / level, 2 / level);
    }
    cells.push_back(cell);
  }
};

TEST(Best, PairsOfProcessesSeeMoreThanIntervals) {
  std::mt19937 random(1);
  for (const bool rate : {false, true}) {
    SideBySide timed;
    timed.add("a", 1.00, random, rate);
    timed.add("b", 1.05, random, rate);
    timed.add("c", 1.00001, random, rate);
    EXPECT_THAT(best(timed.rows), ElementsAre(kBest, kBest, kBest)) << "intervals overlap";
    EXPECT_THAT(best(timed.rows, Evidence(timed.cells)), ElementsAre(kBest, kNot, kBest));
    const auto ratio = Evidence(timed.cells).ratio(timed.rows[1], timed.rows[0]);
    ASSERT_TRUE(ratio.has_value());
    const double truth = rate ? 1 / 1.05 : 1.05;
    EXPECT_NEAR(ratio->lo, truth, 0.02);
    EXPECT_NEAR(ratio->hi, truth, 0.02);
  }
}

/// Many equal methods: the truly best must be among the marked ones in 95 % of the tables.
TEST(Best, ManyComparisonsShareOneLevel) {
  std::mt19937 random(2);
  std::normal_distribution<double> noise(0, 0.05);
  constexpr int kTables = 500;
  int kept = 0;
  for (int table = 0; table < kTables; ++table) {
    std::vector<CellRecord> cells;
    std::vector<ResultRow> rows;
    for (int method = 0; method < 12; ++method) {
      CellRecord cell;
      cell.status = "OK";
      cell.session = "one";
      cell.cell_key = std::to_string(method) + "decode";
      MetricRecord metric;
      metric.def = {"decode/token_latency", "s", -1, "", ""};
      std::vector<double> values;
      for (int i = 0; i < 8; ++i) {
        values.push_back(std::exp(noise(random)));
        metric.processes.push_back({i, {values.back()}});
      }
      metric.summary.value = median(values);
      cell.metrics = {metric};
      cells.push_back(cell);
      rows.push_back(speed(std::to_string(method), median(values), 0));
    }
    // Method 0 is as good as any other: it plays the truly best.
    kept += best(rows, Evidence(cells)).front().value() ? 1 : 0;
  }
  RecordProperty("kept_of_500", kept);
  EXPECT_GE(kept, kTables * 95 / 100);
}

TEST(Best, EveryFormatMarksAllMembersAlike) {
  ExperimentResults results;
  results.name = "near";
  for (const auto& [method, value] :
       {std::pair{"dense", 0.9}, std::pair{"a", 1.0}, std::pair{"b", 1.1}, std::pair{"c", 1.5}}) {
    results.rows.push_back(speed(method, value, 0.1));
  }
  EXPECT_THAT(render(results, "md"), testing::AllOf(HasSubstr("**1000** "), HasSubstr("**1100** "),
                                                    testing::Not(HasSubstr("**1500**")),
                                                    testing::Not(HasSubstr("**900"))));
  EXPECT_THAT(render(results, "tex"),
              testing::AllOf(HasSubstr("\\textbf{1000}"), HasSubstr("\\textbf{1100}"),
                             testing::Not(HasSubstr("\\textbf{1500}"))));
  EXPECT_THAT(render(results, "terminal"),
              testing::AllOf(HasSubstr("•1000"), HasSubstr("•1100"),
                             testing::Not(HasSubstr("•1500")), HasSubstr("•: not told apart")));
  EXPECT_THAT(render(results, "html"), HasSubstr("class=\"best\""));
  const Json json = Json::parse(render(results, "json"));
  std::vector<Json> marks;
  for (const Json& one : json["experiments"][0]["results"]) marks.push_back(one["best"]);
  EXPECT_THAT(marks, ElementsAre(Json(nullptr), Json(true), Json(true), Json(false)));
  EXPECT_THAT(render(results, "csv"), HasSubstr(",bdecode,true,"));
}

}  // namespace
}  // namespace assay
