// Methods whose work depends on the input: how well they predict it, and what that costs.

#include <fmt/format.h>

#include <algorithm>

#include "reports/sections/sections.h"

namespace assay {
namespace {

constexpr const char* kMeans[][2] = {
    {"step/touched_bytes", "read for a token, mean"},
    {"step/touched_bytes_p95", "read for a token, 95th percentile"},
    {"step/fallback_share", "fell back, scored"},
    {"fallback/planned", "fall back, planned"},
    {"fallback/realised", "fell back, calibration"},
};

constexpr const char* kLayered[][2] = {
    {"/recall", "recall of the predictor"},
    {"/precision", "precision of the predictor"},
    {"/realised", "share of neurons that fell back"},
};

/// Every method reads bytes; only these choose them by the token.
bool decides_by_token(const Arm& arm) {
  return std::any_of(arm.cells.begin(), arm.cells.end(), [](const ReportCell* cell) {
    return std::any_of(cell->metrics.begin(), cell->metrics.end(), [](const ResultRow* row) {
      return row->metric.starts_with("predictor/") || row->metric.starts_with("fallback/") ||
             row->metric == "step/fallback_share";
    });
  });
}

Table means_table(const Bench& bench, Notes& notes) {
  Table table{bench.title, {{"", "method", "", 0}}, {}};
  std::vector<const char*> tags;
  for (const auto& [tag, title] : kMeans) {
    for (const Arm& arm : bench.arms) {
      const ResultRow* row = arm.metric(tag);
      if (row == nullptr) continue;
      tags.push_back(tag);
      table.columns.push_back({"", title, row->unit, row->direction});
      break;
    }
  }
  for (const Arm& arm : bench.arms) {
    if (!arm.dense() && !decides_by_token(arm)) continue;
    std::vector<TableCell> row = {label_cell(arm.label)};
    for (const char* tag : tags) row.push_back(value_cell(arm.metric(tag), notes));
    const bool any = std::any_of(row.begin(), row.end(), [](const TableCell& cell) {
      return cell.kind == TableCell::Kind::kValue;
    });
    if (any) table.rows.push_back(std::move(row));
  }
  return table;
}

PlotSeries layer_series(const Arm& arm, const std::string& ending) {
  PlotSeries series{arm.label, {}};
  for (const ReportCell* cell : arm.cells) {
    for (const ResultRow* row : cell->metrics) {
      const int layer = layer_of(row->metric).first;
      if (layer < 0 || !row->metric.ends_with(ending) || !row->value) continue;
      series.points.push_back(
          {fmt::format("{}, layer {}", arm.label, layer), static_cast<double>(layer), row->value});
    }
    if (!series.points.empty()) break;
  }
  std::stable_sort(series.points.begin(), series.points.end(),
                   [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  return series;
}

}  // namespace

Section predictor_section(const SectionInput& input) {
  Section section{"predictors", "Methods that decide token by token", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    if (std::none_of(bench.arms.begin(), bench.arms.end(), decides_by_token)) continue;
    Table table = means_table(bench, input.notes);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
    for (const auto& [ending, title] : kLayered) {
      Plot plot;
      plot.kind = Plot::Kind::kLine;
      plot.title = fmt::format("{} by layer: {}", title, bench.title);
      plot.x = {"layer", "", false, 0};
      plot.y = {title, "", false, 0};
      for (const Arm& arm : bench.arms) {
        PlotSeries series = layer_series(arm, ending);
        if (!series.points.empty()) plot.series.push_back(std::move(series));
      }
      if (!plot.series.empty()) section.plots.push_back(std::move(plot));
    }
  }
  return section;
}

}  // namespace assay
