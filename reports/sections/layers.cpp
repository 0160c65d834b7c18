// What was asked of each layer and what came out: sparsity and errors that the fit measured.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/sections/sections.h"

namespace assay {
namespace {

/// A metric of layers: the start of its tag and what the axis says.
struct LayerKind {
  const char* prefix;
  const char* title;
};

constexpr LayerKind kKinds[] = {
    {"achieved_sparsity/", "share of zeros"},
    {"weight_error/", "error of the weights, relative to their norm"},
    {"nmse/", "error of the block's output, normalised mean square"},
};

/// Value of a metric in every layer, by arm and matrix.
using Series = std::vector<PlotSeries>;

void add_point(Series& series, std::map<std::string, std::size_t>& places, const std::string& name,
               PlotPoint point) {
  const auto [place, added] = places.emplace(name, series.size());
  if (added) series.push_back({name, {}});
  series[place->second].points.push_back(std::move(point));
}

/// A fit speaks for all suites: the first cell that knows the layers is enough.
void add_arm(Series& series, std::map<std::string, std::size_t>& places, const Arm& arm,
             const LayerKind& kind) {
  for (const ReportCell* cell : arm.cells) {
    bool any = false;
    for (const ResultRow* row : cell->metrics) {
      if (!row->metric.starts_with(kind.prefix) || !row->value) continue;
      const auto [layer, slot] = layer_of(row->metric.substr(std::string(kind.prefix).size()));
      if (layer < 0) continue;
      any = true;
      add_point(series, places, arm.label + (slot.empty() ? "" : ", " + slot),
                {fmt::format("{}, layer {}{}{}", arm.label, layer, slot.empty() ? "" : ", ", slot),
                 static_cast<double>(layer),
                 row->value,
                 {},
                 {},
                 row->lo,
                 row->hi});
    }
    if (any) return;
  }
}

void add_plot(Section& section, const Bench& bench, const LayerKind& kind) {
  Plot plot;
  plot.kind = Plot::Kind::kLine;
  plot.title = fmt::format("{} by layer: {}", kind.title, bench.title);
  plot.x = {"layer", "", false, 0};
  plot.y = {kind.title, "", false, 0};
  std::map<std::string, std::size_t> places;
  for (const Arm& arm : bench.arms) add_arm(plot.series, places, arm, kind);
  if (plot.series.empty()) return;
  for (PlotSeries& series : plot.series) {
    std::stable_sort(series.points.begin(), series.points.end(),
                     [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  }
  section.plots.push_back(std::move(plot));
}

std::optional<double> asked_sparsity(const ResultRow& row) {
  const Json params = try_parse_json(row.params);
  if (!params.is_object() || !params.contains("sparsity")) return std::nullopt;
  const Json& value = params.at("sparsity");
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

/// Requested and achieved side by side, and the layer that is furthest from the mean.
Table asked_table(const Bench& bench, Notes& notes) {
  Table table{bench.title,
              {{"", "method", "", 0},
               {"", "asked zeros", "", 0},
               {"", "achieved zeros", "", 0},
               {"", "least in a matrix", "", 0},
               {"", "most in a matrix", "", 0}},
              {}};
  for (const Arm& arm : bench.arms) {
    const ResultRow* achieved = arm.metric("achieved_sparsity");
    if (achieved == nullptr) continue;
    std::optional<double> least, most;
    for (const ReportCell* cell : arm.cells) {
      for (const ResultRow* row : cell->metrics) {
        if (!row->metric.starts_with("achieved_sparsity/") || !row->value) continue;
        least = std::min(least.value_or(*row->value), *row->value);
        most = std::max(most.value_or(*row->value), *row->value);
      }
    }
    table.rows.push_back({label_cell(arm.label), number_cell(asked_sparsity(*arm.first)),
                          value_cell(achieved, notes), number_cell(least), number_cell(most)});
  }
  return table;
}

}  // namespace

Section layers_section(const SectionInput& input) {
  Section section{"layers", "Layer by layer", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    Table table = asked_table(bench, input.notes);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
    for (const LayerKind& kind : kKinds) add_plot(section, bench, kind);
  }
  return section;
}

}  // namespace assay
