// Pictures of letters: every point where its values are.

#include "reports/text_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/display.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PlotPoint point(const std::string& label, double x, double y, bool marked = false) {
  PlotPoint made{label, x, y};
  made.marked = marked;
  return made;
}

Plot scatter(const std::vector<PlotPoint>& points) {
  Plot plot;
  plot.x = {"decode speed", "tokens/s", false, 1};
  plot.y = {"perplexity", "", false, -1};
  plot.series = {{"all", points}};
  return plot;
}

TEST(TextPlot, PutsEachPointWhereItsValuesAre) {
  EXPECT_THAT(
      text_plot(scatter({point("slow", 10, 20, true), point("fast", 20, 30, true),
                         point("poor", 15, 25)}),
                40, 5),
      ElementsAre("perplexity, less is better",  //
                  "30.00 │                               C", "      │", "      │                b",
                  "      │", "20.00 │A", "      └────────────────────────────────",
                  "       10.00 decode speed, token… 20.00", "  A slow", "  b poor", "  C fast"));
}

TEST(TextPlot, PointsAtOnePlaceStandBesideEachOther) {
  const auto lines = text_plot(
      scatter({point("a", 10, 20), point("b", 10, 20), point("c", 10, 20), point("d", 20, 30)}), 40,
      3);
  EXPECT_EQ(lines[3], "20.00 │abc");
}

TEST(TextPlot, ALogarithmicAxisHasEqualFactorsEquallyFarApart) {
  Plot plot = scatter({point("a", 1, 1), point("b", 2, 10), point("c", 3, 100)});
  plot.y.logarithmic = true;
  const auto lines = text_plot(plot, 40, 3);
  EXPECT_NE(lines[2].find('b'), std::string::npos);
}

TEST(TextPlot, EqualValuesAreDrawnInTheMiddle) {
  const auto lines = text_plot(scatter({point("a", 1, 5), point("b", 2, 5)}), 40, 3);
  EXPECT_NE(lines[2].find('a'), std::string::npos);
}

TEST(TextPlot, LinesKeepToTheWidth) {
  const auto lines =
      text_plot(scatter({point(std::string(90, 'x'), 1, 2), point("é漢", 2, 5)}), 60, 3);
  for (const std::string& line : lines) EXPECT_LE(display_width(line), 60U) << line;
}

TEST(TextPlot, IsNotDrawnWhereItWouldTellNothing) {
  EXPECT_THAT(text_plot(scatter({point("a", 1, 5)}), 60, 3), IsEmpty());
  EXPECT_THAT(text_plot(scatter(std::vector<PlotPoint>(27, point("a", 1, 5))), 60, 3), IsEmpty());
  EXPECT_THAT(text_plot(scatter({point("a", 1, 5), point("b", 2, 5)}), 39, 3), IsEmpty());
  Plot lines = scatter({point("a", 1, 5), point("b", 2, 5)});
  lines.kind = Plot::Kind::kLine;
  EXPECT_THAT(text_plot(lines, 60, 3), IsEmpty());
}

}  // namespace
}  // namespace assay
