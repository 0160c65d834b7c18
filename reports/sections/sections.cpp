#include "reports/sections/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "reports/front_verdicts.h"
#include "reports/numbers.h"

namespace assay {
namespace {

std::optional<double> scaled(std::optional<double> value, double divisor) {
  return value ? std::optional(*value / divisor) : std::nullopt;
}

std::string with_ratio(const Arm& arm, const ResultRow& row) {
  return arm.dense() || !row.ratio ? "" : fmt::format(", {} dense", ratio_text(row.ratio));
}

void add_to(std::vector<BenchMetric>& metrics, const Arm& arm, const ReportCell& cell,
            const ResultRow& row) {
  auto found = std::find_if(metrics.begin(), metrics.end(), [&](const BenchMetric& m) {
    return m.suite == cell.suite && m.any->metric == row.metric;
  });
  if (found == metrics.end()) {
    metrics.push_back({metric_name(cell.suite, row), cell.suite, &row, {}, {}});
    found = metrics.end() - 1;
  }
  found->values.push_back({&arm, &row});
}

/// A point of a front with the two values behind it.
struct FrontPoint {
  PlotPoint* place = nullptr;
  const ResultRow* x = nullptr;
  const ResultRow* y = nullptr;
};

void mark_front(const Plot& plot, const std::vector<FrontPoint>& points, const Evidence& evidence) {
  std::vector<std::pair<double, double>> values;
  for (const FrontPoint& point : points) values.emplace_back(point.place->x, *point.place->y);
  for (const std::size_t i : pareto_front(values, plot.x.direction, plot.y.direction)) {
    points[i].place->marked = true;
  }
  const auto undecided = undecided_points(points.size(), [&](std::size_t i, std::size_t j) {
    return std::pair(side_of(*points[i].x, *points[j].x, evidence),
                     side_of(*points[i].y, *points[j].y, evidence));
  });
  for (std::size_t i = 0; i < points.size(); ++i) points[i].place->undecided = undecided[i];
}

/// Remarks of both cells, each once.
std::string remarks_of(const RemarkIndex& remarks, const ResultRow& x, const ResultRow& y) {
  const std::string one = remarks_line(remarks.of(x));
  const std::string other = remarks_line(remarks.of(y));
  if (one == other || other.empty()) return one;
  return one.empty() ? other : one + "; " + other;
}

}  // namespace

std::vector<Section> make_sections(const SectionInput& input, const std::vector<Plot>& shown) {
  const auto is_shown = [&](const Plot& plot) {
    return std::ranges::any_of(shown, [&](const Plot& other) {
      return other.title == plot.title && points_in(other) == points_in(plot);
    });
  };
  std::vector<Section> sections;
  for (const auto& make :
       {summary_section, speed_section, size_section, imported_section, predicted_section,
        break_even_section, layers_section, training_section, search_section, predictor_section,
        cost_section, time_spent_section, distributions_section, provenance_section}) {
    Section section = make(input);
    std::erase_if(section.plots, is_shown);
    if (section.empty()) continue;
    limit_plots(section);
    for (Plot& plot : section.plots) limit_series(plot);
    sections.push_back(std::move(section));
  }
  return sections;
}

void limit_plots(Section& section) {
  if (section.plots.size() <= kMostPlots) return;
  section.text.push_back(
      fmt::format("The first {} of {} pictures; all values are in the tables. Choose others with "
                  "--where.",
                  kMostPlots, section.plots.size()));
  section.plots.resize(kMostPlots);
}

void limit_series(Plot& plot) {
  const auto say = [&](std::size_t shown, std::size_t all) {
    plot.caption += fmt::format("{}The first {} of {} are drawn; choose others with --where.",
                                plot.caption.empty() ? "" : " ", shown, all);
  };
  if (plot.kind == Plot::Kind::kBars && plot.categories.size() > kMostBars) {
    say(kMostBars, plot.categories.size());
    plot.categories.resize(kMostBars);
    for (PlotSeries& series : plot.series) {
      std::erase_if(series.points, [](const PlotPoint& point) { return point.x >= kMostBars; });
    }
  }
  const bool joined = plot.kind == Plot::Kind::kLine || plot.kind == Plot::Kind::kDistribution;
  if (joined && plot.series.size() > kMostSeries) {
    say(kMostSeries, plot.series.size());
    plot.series.resize(kMostSeries);
  }
}

TableCell label_cell(const std::string& text) {
  TableCell cell;
  cell.kind = TableCell::Kind::kLabel;
  cell.text = text;
  return cell;
}

TableCell number_cell(std::optional<double> value) {
  TableCell cell;
  if (!value || !std::isfinite(*value)) return cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = value;
  return cell;
}

TableCell value_cell(const ResultRow* row, Notes& notes) {
  if (row == nullptr) return {};
  TableCell cell = number_cell(row->value);
  if (cell.kind == TableCell::Kind::kValue) {
    cell.lo = row->lo;
    cell.hi = row->hi;
    notes.add_remarks(cell, *row);
  }
  return cell;
}

std::vector<BenchMetric> bench_metrics(const Bench& bench, bool (*wanted)(const ResultRow&)) {
  std::vector<BenchMetric> metrics;
  for (const Arm& arm : bench.arms) {
    for (const ReportCell* cell : arm.cells) {
      for (const ResultRow* row : cell->metrics) {
        if (row->value && std::isfinite(*row->value) && wanted(*row)) {
          add_to(metrics, arm, *cell, *row);
        }
      }
    }
  }
  for (BenchMetric& metric : metrics) {
    for (const Arm& arm : bench.arms) {
      const ReportCell* cell = arm.cell(metric.suite);
      if (cell != nullptr && cell->metric(metric.any->metric) == nullptr) {
        metric.gaps.push_back({&arm, cell->first});
      }
    }
  }
  return metrics;
}

std::vector<BenchMetric> size_metrics(const Bench& bench) {
  std::vector<BenchMetric> sizes = bench_metrics(
      bench, [](const ResultRow& row) { return row.metric == "model/resident_bytes"; });
  for (BenchMetric& size : sizes) size.name = "weights in memory";
  return sizes;
}

const ResultRow* row_in(const Arm& arm, const BenchMetric& metric) {
  const ReportCell* cell = arm.cell(metric.suite);
  return cell == nullptr ? nullptr : cell->metric(metric.any->metric);
}

PlotAxis axis_of(const BenchMetric& metric, double& divisor) {
  std::vector<double> values;
  for (const ArmValue& value : metric.values) values.push_back(*value.row->value);
  const NumberStyle style = style_for(metric.any->unit, values);
  divisor = style.divisor;
  PlotAxis axis{metric.name, style.unit, false, metric.any->direction};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  axis.logarithmic = *least > 0 && *most > 10 * *least;
  return axis;
}

Plot front_plot(const SectionInput& input, const Bench& bench, const BenchMetric& quality,
                const BenchMetric& other) {
  Plot plot;
  double x_divisor = 1, y_divisor = 1;
  plot.kind = Plot::Kind::kScatter;
  plot.x = axis_of(other, x_divisor);
  plot.y = axis_of(quality, y_divisor);
  plot.title = fmt::format("{} against {}: {}", quality.name, other.name, bench.title);
  std::map<std::string, std::size_t> places;
  std::vector<std::pair<std::size_t, FrontPoint>> rows;
  for (const Arm& arm : bench.arms) {
    const ResultRow* x = row_in(arm, other);
    const ResultRow* y = row_in(arm, quality);
    if (x == nullptr || y == nullptr) continue;
    const std::string& method = arm.first->method;
    const auto [place, added] = places.emplace(method, plot.series.size());
    if (added) plot.series.push_back({method, {}});
    PlotPoint point{arm.label + with_ratio(arm, *x), *x->value / x_divisor,
                    *y->value / y_divisor,           scaled(x->lo, x_divisor),
                    scaled(x->hi, x_divisor),        scaled(y->lo, y_divisor),
                    scaled(y->hi, y_divisor)};
    point.remarks = remarks_of(input.notes.remarks(), *x, *y);
    plot.series[place->second].points.push_back(std::move(point));
    rows.push_back({place->second, {nullptr, x, y}});
  }
  std::vector<std::size_t> next(plot.series.size());
  std::vector<FrontPoint> points;
  for (auto& [series, point] : rows) {
    point.place = &plot.series[series].points[next[series]++];
    points.push_back(point);
  }
  mark_front(plot, points, input.cells.evidence());
  return plot;
}

std::string front_caption() {
  return "The line joins the points that no other one beats in both values. Hollow points and "
         "dotted pieces are undecided: by pairs of processes or items, else by intervals that "
         "overlap, the point cannot be told apart from one that would beat it, or that it would "
         "beat (95 %).";
}

std::pair<int, std::string> layer_of(const std::string& text) {
  const std::size_t at = text.find("layer.");
  if (at == std::string::npos) return {-1, text};
  int layer = -1;
  const char* first = text.data() + at + 6;
  const auto [end, error] = std::from_chars(first, text.data() + text.size(), layer);
  if (error != std::errc()) return {-1, text};
  std::string rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (!rest.empty()) rest.erase(0, 1);
  return {layer, text.substr(0, at) + rest};
}

}  // namespace assay
