// The ratio to dense over whatever a suite or a method varies: where a method begins to pay.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/json_text.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

using Numbers = std::map<std::string, double>;

Numbers numbers_of(const std::string& params) {
  Numbers numbers;
  const Json document = try_parse_json(params);
  if (!document.is_object()) return numbers;
  for (const auto& [key, value] : document.items()) {
    if (value.is_number()) numbers[key] = value.get<double>();
  }
  return numbers;
}

/// A parameter of the suite ("batch") or of the method ("sparsity") as the x axis.
struct Sweep {
  std::string suite, metric, parameter;
  bool of_method = false;
  auto operator<=>(const Sweep&) const = default;
};

struct SweepPoint {
  const ReportCell* cell = nullptr;
  const ResultRow* row = nullptr;
  double x = 0;
};

/// Series by name; what else a curve varies is in its name, so that two points never share an x by
/// accident.
using Curves = std::map<std::string, std::vector<SweepPoint>>;

std::string rest_of(const std::string& params, const std::string& without) {
  Json document = try_parse_json(params);
  if (!document.is_object()) return params;
  document.erase(without);
  return json_text(document);
}

std::string curve_key(const ResultRow& row, const std::string& parameter, bool of_method) {
  return of_method ? fmt::format("{}|{}|{}|{}", row.method, rest_of(row.params, parameter),
                                 row.suite_params, row.seed)
                   : fmt::format("{}|{}|{}|{}", row.method, row.params,
                                 rest_of(row.suite_params, parameter), row.seed);
}

void collect(std::map<Sweep, Curves>& sweeps, const ReportCell& cell, const ResultRow& row) {
  for (const bool of_method : {false, true}) {
    const std::string& params = of_method ? row.params : row.suite_params;
    for (const auto& [name, x] : numbers_of(params)) {
      sweeps[{row.suite, row.metric, name, of_method}][curve_key(row, name, of_method)].push_back(
          {&cell, &row, x});
    }
  }
}

/// A cell without a value is a gap in the curves that its neighbours make.
void collect_gap(std::map<Sweep, Curves>& sweeps, const ReportCell& cell) {
  for (auto& [sweep, curves] : sweeps) {
    if (sweep.suite != cell.first->suite) continue;
    const auto numbers =
        numbers_of(sweep.of_method ? cell.first->params : cell.first->suite_params);
    const auto x = numbers.find(sweep.parameter);
    const auto curve = curves.find(curve_key(*cell.first, sweep.parameter, sweep.of_method));
    if (x == numbers.end() || curve == curves.end()) continue;
    curve->second.push_back({&cell, cell.first, x->second});
  }
}

std::map<Sweep, Curves> sweeps_of(const Bench& bench) {
  std::map<Sweep, Curves> sweeps;
  for (const Arm& arm : bench.arms) {
    if (arm.dense()) continue;
    for (const ReportCell* cell : arm.cells) {
      for (const ResultRow* row : cell->metrics) {
        if (is_speed(*row) && row->ratio) collect(sweeps, *cell, *row);
      }
    }
  }
  for (const Arm& arm : bench.arms) {
    for (const ReportCell* cell : arm.cells) {
      if (!arm.dense() && !cell->ok()) collect_gap(sweeps, *cell);
    }
  }
  return sweeps;
}

bool varies(const std::vector<SweepPoint>& points) {
  return std::any_of(points.begin(), points.end(),
                     [&](const SweepPoint& point) { return point.x != points.front().x; });
}

std::string curve_name(const SweepPoint& point, const Sweep& sweep) {
  if (!sweep.of_method) return point.cell->method;
  return point.row->method + (point.cell->suite == sweep.suite ? "" : ", " + point.cell->suite);
}

PlotSeries series_of(std::vector<SweepPoint> points, const Sweep& sweep,
                     const SectionInput& input) {
  std::stable_sort(points.begin(), points.end(),
                   [](const SweepPoint& a, const SweepPoint& b) { return a.x < b.x; });
  PlotSeries series{curve_name(points.front(), sweep), {}};
  for (const SweepPoint& point : points) {
    const auto ratio = ratio_to_dense(*point.row, input.cells);
    PlotPoint made{point.cell->method + ", " + point.cell->suite, point.x, {}};
    made.remarks = remarks_line(input.notes.remarks().of(*point.row));
    if (!point.cell->ok()) made.label += ": " + point.cell->first->status;
    if (ratio) {
      // Of a time, less is faster: the curve is always "times as fast".
      const bool time = point.row->direction < 0;
      made.y = time ? 1 / ratio->value : ratio->value;
      made.y_lo = time && ratio->hi ? std::optional(1 / *ratio->hi)
                  : time            ? std::nullopt
                                    : ratio->lo;
      made.y_hi = time && ratio->lo ? std::optional(1 / *ratio->lo)
                  : time            ? std::nullopt
                                    : ratio->hi;
    }
    series.points.push_back(std::move(made));
  }
  return series;
}

/// Where a curve changes sides, with both intervals apart from 1: a bracket, not a point.
std::string crossing_text(const PlotSeries& series, const std::string& parameter) {
  const auto side = [](const PlotPoint& point) {
    if (!point.y_lo || !point.y_hi) return 0;
    return *point.y_lo > 1 ? 1 : *point.y_hi < 1 ? -1 : 0;
  };
  int last = 0;
  double at = 0;
  std::string text;
  for (const PlotPoint& point : series.points) {
    const int now = side(point);
    if (now == 0) continue;
    if (last != 0 && now != last) {
      text +=
          fmt::format("{}{} from {} {:g} on (other side at {:g})", text.empty() ? "" : "; ",
                      now > 0 ? "faster than dense" : "slower than dense", parameter, point.x, at);
    }
    last = now;
    at = point.x;
  }
  if (!text.empty()) return text;
  if (last == 0) return "not told apart from dense in the tested range";
  return last > 0 ? "never shown slower than dense in the tested range"
                  : "never shown faster than dense in the tested range";
}

/// "decode/tokens_per_s" needs no suite before it when that is called decode.
std::string sweep_name(const Sweep& sweep) {
  return sweep.metric.starts_with(sweep.suite + "/") ? sweep.metric
                                                     : sweep.suite + " " + sweep.metric;
}

void add_plot(Section& section, const Bench& bench, const Sweep& sweep, const Curves& curves,
              const SectionInput& input) {
  Plot plot;
  plot.kind = Plot::Kind::kLine;
  plot.title = fmt::format("{} over {}: {}", sweep_name(sweep), sweep.parameter, bench.title);
  plot.x = {sweep.parameter, "", false, 0};
  plot.y = {"times as fast as dense", "x", false, 1};
  plot.reference = 1;
  for (const auto& [key, points] : curves) {
    if (!varies(points)) continue;
    plot.series.push_back(series_of(points, sweep, input));
    const PlotSeries& series = plot.series.back();
    plot.x.logarithmic =
        plot.x.logarithmic ||
        (series.points.front().x > 0 && series.points.back().x > 10 * series.points.front().x);
    section.tables.front().rows.push_back({label_cell(plot.title), label_cell(series.name),
                                           label_cell(crossing_text(series, sweep.parameter))});
  }
  if (plot.series.empty()) return;
  section.plots.push_back(std::move(plot));
}

}  // namespace

Section break_even_section(const SectionInput& input) {
  Section section{"break-even", "Where a method begins to pay", {}, {}, {}};
  section.text.emplace_back(
      "Measured speed over dense for each value of a parameter that the experiment varies. Above "
      "the line at 1 the method is faster.");
  section.tables.push_back({"Where each curve is apart from 1",
                            {{"", "picture", "", 0}, {"", "curve", "", 0}, {"", "finding", "", 0}},
                            {},
                            3});
  for (const Bench& bench : input.cells.benches()) {
    for (const auto& [sweep, curves] : sweeps_of(bench)) {
      add_plot(section, bench, sweep, curves, input);
    }
  }
  if (section.plots.empty()) section.tables.clear();
  return section;
}

}  // namespace assay
