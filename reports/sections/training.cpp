// How losses fell while fits trained.

#include <fmt/format.h>

#include <algorithm>

#include "reports/sections/sections.h"

namespace assay {
namespace {

/// A metric of steps: the start of its tag and what stands behind the arm's name.
struct CurveKind {
  const char* prefix;
  const char* name;
};

constexpr CurveKind kKinds[] = {
    {"train/loss/step.", ""},
    {"train/dev_loss/step.", ", held out"},
};

/// A fit speaks for all suites: the first cell that knows the curve is enough.
PlotSeries curve_of(const Arm& arm, const CurveKind& kind) {
  PlotSeries series{arm.label + kind.name, {}};
  for (const ReportCell* cell : arm.cells) {
    for (const ResultRow* row : cell->metrics) {
      if (!row->metric.starts_with(kind.prefix) || !row->value) continue;
      const double step =
          std::strtod(row->metric.c_str() + std::string(kind.prefix).size(), nullptr);
      series.points.push_back(
          {fmt::format("{}, step {:.0f}", series.name, step), step, row->value, {}, {}, {}, {}});
    }
    if (!series.points.empty()) break;
  }
  std::stable_sort(series.points.begin(), series.points.end(),
                   [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  return series;
}

}  // namespace

Section training_section(const SectionInput& input) {
  Section section{"training", "Training", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    Plot plot;
    plot.kind = Plot::Kind::kLine;
    plot.title = fmt::format("loss by step: {}", bench.title);
    plot.x = {"step", "", false, 0};
    plot.y = {"loss", "", false, 0};
    for (const Arm& arm : bench.arms) {
      for (const CurveKind& kind : kKinds) {
        PlotSeries series = curve_of(arm, kind);
        if (!series.points.empty()) plot.series.push_back(std::move(series));
      }
    }
    if (!plot.series.empty()) section.plots.push_back(std::move(plot));
  }
  return section;
}

}  // namespace assay
