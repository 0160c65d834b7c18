// What the long report shows, and what it leaves out.

#include "reports/sections/sections.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "reports/best.h"
#include "reports/footer.h"
#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::Contains;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Sections, WithNothingBehindThemAreLeftOut) {
  EXPECT_TRUE(document_of({.name = "empty", .config = {}, .rows = {}, .environments = {}})
                  .sections.empty());
  for (const Section& section : document_of(all_failed()).sections) {
    EXPECT_FALSE(section.empty()) << section.id;
    EXPECT_TRUE(section.plots.empty()) << section.id << " draws failures";
  }
  EXPECT_EQ(find(document_of(usual()), "distributions"), nullptr) << "there are no raw values";
}

TEST(Sections, RatiosCarryAWordAndAnInterval) {
  const Document document = document_of(usual());
  const Section* summary = find(document, "summary");
  ASSERT_NE(summary, nullptr);
  const Table& table = summary->tables.at(0);
  const TableCell& half = table.rows.at(0).at(1);  // wanda 50 %: perplexity 1.31 times as high
  EXPECT_NEAR(*half.value, 1.31, 1e-12);
  EXPECT_EQ(half.word, "worse");
  // Cautious: least value over dense's highest, and the other way round.
  EXPECT_NEAR(*half.lo, (17.843 * 1.31 - 0.61) / (17.843 + 0.62), 1e-12);
  EXPECT_NEAR(*half.hi, (17.843 * 1.31 + 0.62) / (17.843 - 0.61), 1e-12);
}

TEST(Sections, ThereIsNoRatioWithoutATwin) {
  ExperimentResults results = usual();
  for (ResultRow& row : results.rows) {
    row.ratio.reset();
    row.twin_value.reset();
  }
  EXPECT_EQ(find(document_of(results), "summary"), nullptr);
  for (const char* format : {"html", "tex", "md", "terminal"}) {
    const std::string text = render(results, format);
    EXPECT_EQ(text.find("1.31x"), std::string::npos) << format;
  }
}

/// Quality against speed with a quarter of the values missing: what ShrinkBench's data look like.
ExperimentResults with_gaps(std::size_t methods) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> value(1, 100);
  ExperimentResults results;
  results.name = "gaps";
  for (std::size_t i = 0; i < methods; ++i) {
    const std::string params = "{\"strength\":" + std::to_string(i) + "}";
    for (const bool speed : {false, true}) {
      ResultRow row = assay::row("prune", params, speed ? "decode" : "news-ppl",
                                 speed ? "decode/tokens_per_s" : "token_ppl", value(random), 0);
      row.direction = speed ? 1 : -1;
      if (random() % 4 == 0) {
        row.value.reset();
        row.reason = "no value in the file";
      }
      results.rows.push_back(row);
    }
  }
  return results;
}

TEST(Sections, AGapIsNeverDrawnAsZero) {
  const ExperimentResults results = with_gaps(300);
  const Document document = document_of(results);
  const Section* fronts = find(document, "accuracy-speed");
  ASSERT_NE(fronts, nullptr);
  std::size_t both = 0;
  for (std::size_t i = 0; i < results.rows.size(); i += 2) {
    both += results.rows[i].value && results.rows[i + 1].value ? 1 : 0;
  }
  const PlotSeries& series = fronts->plots.at(0).series.at(0);
  EXPECT_EQ(series.points.size(), both) << "a point needs both values";
  for (const PlotPoint& point : series.points) {
    EXPECT_GE(point.x, 1);
    EXPECT_GE(*point.y, 1);
  }
  for (const Table& table : document.tables) {
    for (const auto& row : table.rows) {
      for (const TableCell& cell : row) EXPECT_NE(cell.value, 0.0);
    }
  }
}

TEST(Sections, TheFrontIsWhatNobodyBeats) {
  const Document document = document_of(with_gaps(300));
  const PlotSeries& series = find(document, "accuracy-speed")->plots.at(0).series.at(0);
  std::size_t front = 0;
  for (const PlotPoint& point : series.points) {
    bool beaten = false;
    for (const PlotPoint& other : series.points) {
      beaten = beaten || (other.x >= point.x && *other.y <= *point.y &&
                          (other.x > point.x || *other.y < *point.y));
    }
    EXPECT_EQ(point.marked, !beaten);
    front += point.marked ? 1 : 0;
  }
  EXPECT_GT(front, 1U);
}

TEST(Sections, RandomWeightsShowNoQuality) {
  ExperimentResults results = usual();
  for (ResultRow& row : results.rows) row.random_weights = true;
  const Document document = document_of(results);
  EXPECT_EQ(find(document, "accuracy-speed"), nullptr);
  EXPECT_THAT(document.watermarks, testing::Contains("RANDOM WEIGHTS"));
}

ResultRow decode_row(const std::string& method, int batch, double value, double dense) {
  ResultRow made =
      row(method, method == "dense" ? "{}" : kHalf, "decode", "decode/tokens_per_s", value, dense);
  made.suite_params = "{\"batch\":" + std::to_string(batch) + "}";
  made.direction = 1;
  made.lo = value * 0.99;
  made.hi = value * 1.01;
  made.cell_key += std::to_string(batch);
  return made;
}

TEST(Sections, BreakEvenIsABracketAndAFailureAGap) {
  ExperimentResults results;
  results.name = "sweep";
  const std::vector<std::pair<int, double>> ratios = {{1, 1.5}, {2, 1.3}, {4, 1.0}, {8, 0.7}};
  for (const auto& [batch, ratio] : ratios) {
    results.rows.push_back(decode_row("dense", batch, 100, 100));
    results.rows.push_back(decode_row("wanda", batch, 100 * ratio, 100));
  }
  ResultRow failed_row = failed("wanda", kHalf, "decode", "OOM", "limit");
  failed_row.suite_params = "{\"batch\":16}";
  results.rows.push_back(failed_row);
  const Document document = document_of(results);
  const Section* section = find(document, "break-even");
  ASSERT_NE(section, nullptr);
  const Plot& plot = section->plots.at(0);
  EXPECT_EQ(plot.reference, 1.0);
  ASSERT_EQ(plot.series.size(), 1U);
  ASSERT_EQ(plot.series[0].points.size(), 5U);
  EXPECT_FALSE(plot.series[0].points[4].y) << "out of memory: a gap";
  EXPECT_THAT(plot.series[0].points[4].label, HasSubstr("OOM"));
  EXPECT_NEAR(*plot.series[0].points[0].y, 1.5, 1e-12);
  EXPECT_EQ(section->tables.at(0).rows.at(0).at(2).text,
            "slower than dense from batch 8 on (other side at 2)");
}

TEST(Sections, DistributionsKeepTheOrderAndTheWarmUp) {
  ExperimentResults results;
  results.name = "raw";
  results.rows.push_back(decode_row("dense", 1, 100, 100));
  results.timings.push_back({results.rows[0].cell_key,
                             "decode/token_latency",
                             "s",
                             {{0, 3, {0.5}, {0.2, 0.3}}, {1, 4, {}, {0.4}}}});
  const Document document = document_of(results);
  const Section* section = find(document, "distributions");
  ASSERT_NE(section, nullptr);
  const auto& points = section->plots.at(0).series.at(0).points;
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(section->plots.at(0).y.unit, "ms");
  EXPECT_TRUE(points[0].marked);
  EXPECT_NEAR(*points[0].y, 500, 1e-9);
  EXPECT_NEAR(points[1].x, 3.3, 1e-9);
  EXPECT_FALSE(points[1].marked);
  EXPECT_NEAR(points[3].x, 4, 1e-9);
}

TEST(Sections, LayersAreSortedByNumber) {
  ExperimentResults results;
  results.name = "layers";
  for (const int layer : {10, 2, 0}) {
    results.rows.push_back(row("wanda", kHalf, "news-ppl",
                               "achieved_sparsity/layer." + std::to_string(layer) + ".q",
                               0.5 + layer / 100.0, 0));
  }
  results.rows.push_back(row("wanda", kHalf, "news-ppl", "achieved_sparsity", 0.55, 0));
  const Document document = document_of(results);
  const Section* section = find(document, "layers");
  ASSERT_NE(section, nullptr);
  std::vector<double> layers;
  for (const PlotPoint& point : section->plots.at(0).series.at(0).points) layers.push_back(point.x);
  EXPECT_THAT(layers, ElementsAre(0, 2, 10));
  const auto& cells = section->tables.at(0).rows.at(0);
  EXPECT_EQ(cells[1].value, 0.5) << "asked";
  EXPECT_EQ(cells[2].value, 0.55);
  EXPECT_EQ(cells[3].value, 0.5);
  EXPECT_EQ(cells[4].value, 0.6);
}

TEST(Sections, LossCurvesAreDrawnByStep) {
  ExperimentResults results;
  results.name = "trained";
  for (const int step : {20, 5, 100}) {
    const std::string number = std::to_string(step);
    results.rows.push_back(
        row("finetune", "{}", "sst2", "train/loss/step." + number, 1.0 / step, 0));
  }
  results.rows.push_back(row("finetune", "{}", "sst2", "train/dev_loss/step.100", 0.5, 0));
  const Document document = document_of(results);
  const Section* section = find(document, "training");
  ASSERT_NE(section, nullptr);
  const Plot& plot = section->plots.at(0);
  ASSERT_EQ(plot.series.size(), 2U);
  std::vector<double> steps;
  for (const PlotPoint& point : plot.series[0].points) steps.push_back(point.x);
  EXPECT_THAT(steps, ElementsAre(5, 20, 100));
  EXPECT_THAT(plot.series[1].name, HasSubstr("held out"));
}

TEST(Sections, PredictionsStandBesideWhatWasMeasured) {
  ExperimentResults results;
  results.name = "predicted";
  results.rows.push_back(decode_row("wanda", 1, 120, 100));
  SpeedUp row;
  row.model = results.rows[0].model;
  row.profile = "cpu";
  row.cell_key = results.rows[0].cell_key;
  row.metric = "decode/token_latency";
  row.measured = 1.2;
  row.interval = Interval{1.1, 1.3};
  row.by_flops = {2.0, ""};
  row.by_roofline = {std::nullopt, "the machine was not examined"};
  results.speed_ups = {row};
  results.speed_ups.push_back(row);
  results.speed_ups.back().measured.reset();  // a failed cell: no point, no line
  const Document document = document_of(results);
  const Section* section = find(document, "predicted");
  ASSERT_NE(section, nullptr);
  ASSERT_EQ(section->tables.at(0).rows.size(), 1U);
  const auto& cells = section->tables.at(0).rows.at(0);
  EXPECT_EQ(cells.at(3).value, 1.2);
  EXPECT_EQ(cells.at(3).lo, 1.1);
  EXPECT_EQ(cells.at(4).value, 2.0);
  EXPECT_EQ(cells.size(), 5U) << "a kind of prediction that nobody has is no column";
  EXPECT_THAT(section->text, Contains(HasSubstr("the machine was not examined")));
  const Plot& plot = section->plots.at(0);
  ASSERT_EQ(plot.series.size(), 1U) << "only what was predicted is drawn";
  EXPECT_EQ(plot.series[0].points.at(0).x, 2.0);
  EXPECT_EQ(plot.series[0].points.at(0).y, 1.2);
}

TEST(Best, LeavesDenseOutAndNeedsTwo) {
  const Document document = make_document(usual());
  const Table& table = document.tables.at(0);
  EXPECT_FALSE(table.rows[0][1].best) << "dense";
  EXPECT_TRUE(table.rows[1][1].best) << "wanda 50 %";
  EXPECT_FALSE(table.rows[2][1].best);
  EXPECT_EQ(table.rows[1][1].differs, true);
  EXPECT_FALSE(table.rows[0][1].differs.has_value());
}

TEST(Footer, SaysTheFloorOrThatThereIsNone) {
  ExperimentResults results = usual();
  EXPECT_THAT(footer_lines(results), ElementsAre(HasSubstr("profile cpu: not measured")));
  results.machine_checks.push_back(
      {{"profile", "cpu"},
       {"against_itself",
        {{{"work", "gemv"}, {"noise_floor", 0.034}}, {{"work", "gemm"}, {"noise_floor", 0.012}}}}});
  EXPECT_THAT(footer_lines(results), ElementsAre(HasSubstr("3.4 % (gemv), 1.2 % (gemm)")));
}

TEST(Predictors, AreOnlyForMethodsThatDecideByToken) {
  ExperimentResults results;
  results.name = "tokens";
  for (const char* method : {"dense", "wanda", "tardis"}) {
    results.rows.push_back(decode_row(method, 1, 100, 100));
    results.rows.push_back(results.rows.back());
    results.rows.back().metric = "step/touched_bytes";
  }
  EXPECT_EQ(find(document_of(results), "predictors"), nullptr) << "all read the same every time";
  results.rows.push_back(results.rows.back());
  results.rows.back().metric = "step/fallback_share";
  const Document document = document_of(results);
  const Section* section = find(document, "predictors");
  ASSERT_NE(section, nullptr);
  const auto& rows = section->tables.at(0).rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0][0].text, "dense");
  EXPECT_EQ(rows[1][0].text, "tardis 50%");
}

TEST(Predictors, HaveAPlotOfEachLayer) {
  ExperimentResults results;
  results.name = "layers";
  results.rows.push_back(decode_row("dense", 1, 100, 100));
  for (const char* tag : {"step/neuron_share", "step/layer.1/neuron_recall",
                          "step/layer.2/neuron_recall", "step/layer.1/neuron_share"}) {
    results.rows.push_back(decode_row("dejavu", 1, 0.5, 1));
    results.rows.back().metric = tag;
  }
  const Document document = document_of(results);
  const Section* section = find(document, "predictors");
  ASSERT_NE(section, nullptr);
  ASSERT_EQ(section->plots.size(), 2U);
  EXPECT_EQ(section->plots[1].series.at(0).points.size(), 2U);
}

TEST(Layers, AreFoundInTags) {
  EXPECT_EQ(layer_of("layer.3.q"), (std::pair<int, std::string>{3, "q"}));
  EXPECT_EQ(layer_of("layer.12"), (std::pair<int, std::string>{12, ""}));
  EXPECT_EQ(layer_of("predictor/layer.4/recall").first, 4);
  EXPECT_EQ(layer_of("mean").first, -1);
}

}  // namespace
}  // namespace assay
