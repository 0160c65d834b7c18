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
    {"step/neuron_share", "neurons that ran"},
    {"step/neuron_recall", "recall of neurons"},
    {"step/neuron_precision", "precision of neurons"},
    {"step/head_share", "heads that ran"},
    {"step/head_recall", "recall of heads"},
    {"step/input_share", "inputs that were read"},
    {"fallback/planned", "fall back, planned"},
    {"fallback/realised", "fell back, calibration"},
};

/// Of each layer: what a tag starts and ends with.
struct Layered {
  const char* family;
  const char* ending;
  const char* title;
};
constexpr Layered kLayered[] = {
    {"predictor/", "/recall", "recall of the predictor"},
    {"predictor/", "/precision", "precision of the predictor"},
    {"predictor/", "/neuron_recall", "recall of neurons, held-out calibration tokens"},
    {"predictor/", "/head_recall", "recall of heads, held-out calibration tokens"},
    {"fallback/", "/realised", "share of neurons that fell back"},
    {"step/", "/neuron_share", "share of neurons that ran"},
    {"step/", "/neuron_recall", "recall of neurons, scored"},
    {"step/", "/neuron_precision", "precision of neurons, scored"},
    {"step/", "/head_share", "share of heads that ran"},
    {"step/", "/head_recall", "recall of heads, scored"},
};

/// Every method reads bytes; only these choose them by the token.
bool decides_by_token(const Arm& arm) {
  return std::any_of(arm.cells.begin(), arm.cells.end(), [](const ReportCell* cell) {
    return std::any_of(cell->metrics.begin(), cell->metrics.end(), [](const ResultRow* row) {
      return row->metric.starts_with("predictor/") || row->metric.starts_with("fallback/") ||
             (row->metric.starts_with("step/") && row->metric.ends_with("_share"));
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

PlotSeries layer_series(const Arm& arm, const Layered& layered) {
  PlotSeries series{arm.label, {}};
  for (const ReportCell* cell : arm.cells) {
    for (const ResultRow* row : cell->metrics) {
      const int layer = layer_of(row->metric).first;
      const bool meant =
          row->metric.starts_with(layered.family) && row->metric.ends_with(layered.ending);
      if (layer < 0 || !meant || !row->value) continue;
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
    for (const Layered& layered : kLayered) {
      Plot plot;
      plot.kind = Plot::Kind::kLine;
      plot.title = fmt::format("{} by layer: {}", layered.title, bench.title);
      plot.x = {"layer", "", false, 0};
      plot.y = {layered.title, "", false, 0};
      for (const Arm& arm : bench.arms) {
        PlotSeries series = layer_series(arm, layered);
        if (!series.points.empty()) plot.series.push_back(std::move(series));
      }
      if (!plot.series.empty()) section.plots.push_back(std::move(plot));
    }
  }
  return section;
}

}  // namespace assay
