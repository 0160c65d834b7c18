// What compressing took.

#include <fmt/format.h>

#include "reports/numbers.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

constexpr const char* kCosts[][2] = {{"fit/seconds", "fit"},
                                     {"fit/peak_rss", "peak memory of the fit"},
                                     {"artefact/bytes", "artefact"}};

/// Calibration tokens out of the parameters: samples x tokens, where both are written down.
std::optional<double> calibration_tokens(const ResultRow& row) {
  const Json params = try_parse_json(row.params);
  if (!params.is_object() || !params.contains("calibration")) return std::nullopt;
  const Json& calibration = params.at("calibration");
  if (!calibration.is_object()) return std::nullopt;
  const double tokens = calibration.value("samples", 0.0) * calibration.value("tokens", 0.0);
  return tokens > 0 ? std::optional(tokens) : std::nullopt;
}

std::vector<TableCell> cost_row(const Arm& arm, Notes& notes) {
  std::vector<TableCell> row = {label_cell(arm.label), number_cell(calibration_tokens(*arm.first))};
  bool any = false;
  for (const auto& [tag, title] : kCosts) {
    row.push_back(value_cell(arm.metric(tag), notes));
    any = any || row.back().kind == TableCell::Kind::kValue;
  }
  return any ? row : std::vector<TableCell>{};
}

Table cost_table(const Bench& bench, Notes& notes) {
  Table table{bench.title,
              {{"", "method", "", 0},
               {"", "calibration tokens", "", 0},
               {"", "fit", "s", -1},
               {"", "peak memory of the fit", "B", -1},
               {"", "artefact", "B", -1}},
              {}};
  for (const Arm& arm : bench.arms) {
    std::vector<TableCell> row = cost_row(arm, notes);
    if (!row.empty()) table.rows.push_back(std::move(row));
  }
  return table;
}

Plot cost_plot(const Bench& bench) {
  Plot plot;
  plot.kind = Plot::Kind::kBars;
  plot.title = "Time to fit: " + bench.title;
  std::vector<double> seconds;
  PlotSeries series{"fit", {}};
  for (const Arm& arm : bench.arms) {
    const ResultRow* row = arm.metric("fit/seconds");
    if (row == nullptr) continue;
    series.points.push_back({arm.label, static_cast<double>(plot.categories.size()), row->value});
    plot.categories.push_back(arm.label);
    seconds.push_back(*row->value);
  }
  const NumberStyle style = style_for("s", seconds);
  for (PlotPoint& point : series.points) point.y = *point.y / style.divisor;
  plot.x = {"method", "", false, 0};
  plot.y = {"wall time of the fit", style.unit, false, -1};
  plot.caption = "Without loading the model and saving the artefact; one process, so no interval.";
  if (!series.points.empty()) plot.series.push_back(std::move(series));
  return plot;
}

}  // namespace

Section cost_section(const SectionInput& input) {
  Section section{"cost", "What compressing cost", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    Table table = cost_table(bench, input.notes);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
    Plot plot = cost_plot(bench);
    if (!plot.series.empty()) section.plots.push_back(std::move(plot));
  }
  return section;
}

}  // namespace assay
