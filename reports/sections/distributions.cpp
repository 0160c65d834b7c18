// Every raw time in the order in which it was measured, one picture a suite and metric.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/numbers.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

/// Points of one picture. Beyond it every k-th value of a process is drawn, and said.
constexpr std::size_t kMostPoints = 3000;

struct SeriesOfArm {
  const ReportCell* cell = nullptr;
  const TimedSeries* series = nullptr;
};

struct Picture {
  std::string title, unit;
  std::vector<SeriesOfArm> arms;
};

std::size_t point_count(const Picture& picture) {
  std::size_t count = 0;
  for (const SeriesOfArm& arm : picture.arms) {
    for (const ProcessValues& process : arm.series->processes) {
      count += process.values.size() + process.warmup.size();
    }
  }
  return count;
}

NumberStyle style_of(const Picture& picture) {
  std::vector<double> values;
  for (const SeriesOfArm& arm : picture.arms) {
    for (const ProcessValues& process : arm.series->processes) {
      values.insert(values.end(), process.values.begin(), process.values.end());
    }
  }
  return style_for(picture.unit, values);
}

/// Values of a process from its place in the order on: place 3 spans 3.0 to 3.9.
void add_values(PlotSeries& series, const std::string& label, const ProcessValues& process,
                std::size_t step, double divisor, const std::string& remarks) {
  const std::size_t all = process.warmup.size() + process.values.size();
  for (std::size_t i = 0; i < all; i += step) {
    const bool warmup = i < process.warmup.size();
    const double value = warmup ? process.warmup[i] : process.values[i - process.warmup.size()];
    const double x = process.order + 0.9 * static_cast<double>(i) / static_cast<double>(all);
    series.points.push_back(
        {fmt::format("{}, process {}{}", label, process.process, warmup ? ", warming up" : ""),
         x,
         value / divisor,
         {},
         {},
         {},
         {},
         warmup,
         /*undecided=*/false,
         remarks});
  }
}

Plot plot_of(const Picture& picture, const RemarkIndex& remarks) {
  // Only what limit_series() keeps is worth thinning for, and what it drops needs no points.
  Picture drawn = picture;
  if (drawn.arms.size() > kMostSeries) drawn.arms.resize(kMostSeries);
  const NumberStyle style = style_of(drawn);
  const std::size_t step = (point_count(drawn) + kMostPoints - 1) / kMostPoints;
  Plot plot;
  plot.kind = Plot::Kind::kDistribution;
  plot.title = picture.title;
  plot.x = {"place in the order of the run", "", false, 0};
  plot.y = {"time", style.unit, false, -1};
  plot.caption =
      "Each process has its place in the interleaved order; hollow points were measured "
      "before the steady state and are in no figure.";
  if (step > 1) plot.caption += fmt::format(" Every {}th value is drawn.", step);
  for (const SeriesOfArm& arm : picture.arms) {
    PlotSeries series{arm.cell->method, {}};
    const bool kept = plot.series.size() < kMostSeries;
    const std::string said = remarks_line(remarks.of_cell(arm.cell->first->cell_key));
    for (const ProcessValues& process : arm.series->processes) {
      if (kept) add_values(series, arm.cell->method, process, step, style.divisor, said);
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace

Section distributions_section(const SectionInput& input) {
  Section section{"distributions", "Raw times in the order of the run", {}, {}, {}};
  std::map<std::string, const ReportCell*> cells;
  for (const ReportCell& cell : input.cells.cells()) cells[cell.first->cell_key] = &cell;
  std::vector<Picture> pictures;
  std::map<std::string, std::size_t> places;
  for (const TimedSeries& series : input.results.timings) {
    const auto found = cells.find(series.cell_key);
    if (found == cells.end() || series.unit != "s") continue;
    const ReportCell& cell = *found->second;
    const std::string title = fmt::format("{} {}: {}, profile {}", cell.suite, series.metric,
                                          cell.first->model, cell.first->profile);
    const auto [place, added] = places.emplace(title, pictures.size());
    if (added) pictures.push_back({title, series.unit, {}});
    pictures[place->second].arms.push_back({&cell, &series});
  }
  for (const Picture& picture : pictures) {
    if (section.plots.size() == kMostPlots) {
      section.text.push_back(
          fmt::format("The first {} of {} pictures; all raw values are in the view raw_samples of "
                      "the database.",
                      kMostPlots, pictures.size()));
      break;
    }
    section.plots.push_back(plot_of(picture, input.notes.remarks()));
  }
  return section;
}

}  // namespace assay
