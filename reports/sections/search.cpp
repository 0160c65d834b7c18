// What searches tried, and how good they were at an equal number of evaluations.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/stats/intervals.h"
#include "reports/pareto.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

constexpr const char* kQuality = "search/quality/evaluation.";
constexpr const char* kCost = "search/cost/evaluation.";
constexpr const char* kFidelity = "search/fidelity/evaluation.";
constexpr const char* kVolume = "search/hypervolume/evaluation.";
constexpr const char* kPredicted = "front/predicted/evaluation.";
constexpr const char* kTimed = "front/timed/evaluation.";
constexpr const char* kTimedLo = "front/timed_lo/evaluation.";
constexpr const char* kTimedHi = "front/timed_hi/evaluation.";
constexpr const char* kAnchor = "random";

/// Values by the number of the evaluation.
using Curve = std::map<int, double>;

/// The curve by the budget that was spent, in whole evaluations: one with a part of the data costs
/// that part.
Curve by_budget(const Curve& curve, const Curve& fidelity) {
  constexpr double kRounding = 1e-9;
  Curve spent;
  double budget = 0;
  for (const auto& [number, value] : curve) {
    const auto part = fidelity.find(number);
    budget += part == fidelity.end() ? 1 : part->second;
    spent[static_cast<int>(std::ceil(budget - kRounding))] = value;
  }
  return spent;
}

/// The same search with one seed. Cells that only pick another of its networks share it.
struct Run {
  std::int64_t seed = 0;
  Curve quality, cost;  ///< by number
  Curve volume;         ///< by budget
  const Arm* arm = nullptr;
};

/// Runs of all seeds.
struct Search {
  std::string label;
  std::string others;  ///< parameters but for target and searcher
  std::string searcher;
  std::string size;  ///< what sizes are: networks of others are not to be compared with these
  std::vector<Run> runs;
};

/// "parameters", "latency of decode"; "" where the method says nothing.
std::string size_of(const Json& params) {
  std::string size = params.value("cost", "");
  if (size == "latency") size += " of " + params.value("latency_of", "");
  return size;
}

Curve curve_of(const Arm& arm, const std::string& prefix) {
  Curve curve;
  for (const ReportCell* cell : arm.cells) {
    for (const ResultRow* row : cell->metrics) {
      if (!row->metric.starts_with(prefix) || !row->value) continue;
      const char* first = row->metric.data() + prefix.size();
      int number = 0;
      const auto [end, error] =
          std::from_chars(first, row->metric.data() + row->metric.size(), number);
      if (error == std::errc()) curve[number] = *row->value;
    }
    if (!curve.empty()) break;
  }
  return curve;
}

/// Without the words that begin so: "nas target=0.8 space=medium" -> "nas space=medium".
std::string without_words(const std::string& label, const std::set<std::string>& begins) {
  std::string kept;
  std::size_t at = 0;
  while (at < label.size()) {
    const std::size_t end = std::min(label.find(' ', at), label.size());
    const std::string word = label.substr(at, end - at);
    const bool drop = std::any_of(begins.begin(), begins.end(), [&](const std::string& begin) {
      return word.starts_with(begin);
    });
    if (!drop) kept += (kept.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return kept;
}

Json params_of(const Arm& arm) {
  Json params = try_parse_json(arm.first->params);
  if (!params.is_object()) params = Json::object();
  params.erase("target");
  params.erase("front_point");
  return params;
}

void add_run(std::map<std::string, Search>& searches, const Arm& arm) {
  Run run{arm.first->seed, curve_of(arm, kQuality), curve_of(arm, kCost),
          by_budget(curve_of(arm, kVolume), curve_of(arm, kFidelity)), &arm};
  if (run.volume.empty()) return;
  Json params = params_of(arm);
  Search& search = searches[arm.first->method + params.dump()];
  if (search.runs.empty()) {
    search.label = without_words(arm.label, {"target=", "front_point=", "seed="});
    search.searcher = params.value("searcher", "");
    search.size = size_of(params);
    params.erase("searcher");
    search.others = params.dump();
  }
  const bool there = std::any_of(search.runs.begin(), search.runs.end(),
                                 [&](const Run& other) { return other.seed == run.seed; });
  if (!there) search.runs.push_back(std::move(run));
}

/// In the order of the arms' labels.
std::vector<Search> searches_of(const Bench& bench) {
  std::map<std::string, Search> by_params;
  for (const Arm& arm : bench.arms) add_run(by_params, arm);
  std::vector<Search> searches;
  for (auto& [params, search] : by_params) searches.push_back(std::move(search));
  std::stable_sort(searches.begin(), searches.end(),
                   [](const Search& a, const Search& b) { return a.label < b.label; });
  return searches;
}

/// "latency of decode, share of the whole network's".
std::string size_axis(const std::string& size) {
  return (size.empty() ? "size" : size) + ", share of the whole network's";
}

/// `searches`: all of one kind of size.
Plot candidates_plot(const Bench& bench, const std::vector<Search>& searches) {
  Plot plot;
  plot.kind = Plot::Kind::kScatter;
  plot.title = "Networks that were judged: " + bench.title;
  plot.x = {size_axis(searches.front().size), "", false, -1};
  plot.y = {"quality on the held-out part", "", false, -1};
  plot.caption =
      "All seeds. The line joins the networks that no other one beats in both values; the values "
      "are those that the searches saw, of one judgement each.";
  std::vector<std::pair<double, double>> values;
  for (const Search& search : searches) {
    PlotSeries series{search.label, {}};
    for (const Run& run : search.runs) {
      for (const auto& [number, quality] : run.quality) {
        const auto cost = run.cost.find(number);
        if (cost == run.cost.end()) continue;
        values.emplace_back(cost->second, quality);
        series.points.push_back(
            {fmt::format("{}, seed {}, evaluation {}", search.label, run.seed, number),
             cost->second, quality});
      }
    }
    plot.series.push_back(std::move(series));
  }
  std::vector<PlotPoint*> points;
  for (PlotSeries& series : plot.series) {
    for (PlotPoint& point : series.points) points.push_back(&point);
  }
  for (const std::size_t i : pareto_front(values, -1, -1)) points[i]->marked = true;
  return plot;
}

std::vector<double> volumes_at(const Search& search, int budget) {
  std::vector<double> volumes;
  for (const Run& run : search.runs) {
    const auto found = run.volume.find(budget);
    if (found != run.volume.end()) volumes.push_back(found->second);
  }
  return volumes;
}

PlotSeries volume_series(const Search& search) {
  PlotSeries series{search.label, {}};
  for (const auto& [number, first] : search.runs.front().volume) {
    const std::vector<double> volumes = volumes_at(search, number);
    PlotPoint point{fmt::format("{}, budget {}", search.label, number), static_cast<double>(number),
                    mean(volumes)};
    if (volumes.size() > 1) {
      const Interval interval = mean_estimate(volumes).interval;
      point.y_lo = interval.lo;
      point.y_hi = interval.hi;
    }
    series.points.push_back(std::move(point));
  }
  return series;
}

Plot volume_plot(const Bench& bench, const std::vector<Search>& searches) {
  Plot plot;
  plot.kind = Plot::Kind::kLine;
  plot.title = "Hypervolume by budget: " + bench.title;
  plot.x = {"budget, networks judged with all data", "", false, 0};
  plot.y = {"hypervolume, share of the area below the reference", "", false, 1};
  plot.caption =
      "Means over seeds with 95 % intervals (Student). A judgement with a part of the data costs "
      "that "
      "part.";
  for (const Search& search : searches) plot.series.push_back(volume_series(search));
  return plot;
}

double last_volume(const Run& run) { return run.volume.rbegin()->second; }

/// Mean with an interval over seeds, where there are several.
TableCell over_seeds(const std::vector<double>& values) {
  if (values.empty()) return {};
  TableCell cell = number_cell(mean(values));
  if (values.size() < 2) return cell;
  const Interval interval = mean_estimate(values).interval;
  cell.lo = interval.lo;
  cell.hi = interval.hi;
  return cell;
}

/// Final hypervolumes less those of the random search of the same seeds, all else being the same.
std::vector<double> beyond_random(const Search& search, const std::vector<Search>& searches) {
  std::vector<double> differences;
  for (const Search& anchor : searches) {
    if (anchor.searcher != kAnchor || anchor.others != search.others) continue;
    for (const Run& run : search.runs) {
      for (const Run& other : anchor.runs) {
        if (other.seed == run.seed) differences.push_back(last_volume(run) - last_volume(other));
      }
    }
  }
  return search.searcher == kAnchor ? std::vector<double>{} : differences;
}

std::vector<double> metric_of(const Search& search, const char* name) {
  std::vector<double> values;
  for (const Run& run : search.runs) {
    const ResultRow* row = run.arm->metric(name);
    if (row != nullptr && row->value) values.push_back(*row->value);
  }
  return values;
}

std::string verdict_of(const std::vector<double>& differences) {
  if (differences.size() < 2) return "";
  const Interval interval = mean_estimate(differences).interval;
  if (interval.lo > 0) return "better than random";
  return interval.hi < 0 ? "worse than random" : "not told apart";
}

Table search_table(const Bench& bench, const std::vector<Search>& searches) {
  Table table{bench.title,
              {{"", "search", "", 0},
               {"", "seeds", "", 0},
               {"", "networks judged", "", 0},
               {"", "hypervolume", "", 1},
               {"", "beyond random", "", 1},
               {"", "verdict", "", 0},
               {"", "on the front", "", 0},
               {"", "time judging", "s", -1}},
              {}};
  for (const Search& search : searches) {
    std::vector<double> last;
    for (const Run& run : search.runs) last.push_back(last_volume(run));
    const std::vector<double> differences = beyond_random(search, searches);
    table.rows.push_back({label_cell(search.label),
                          number_cell(static_cast<double>(search.runs.size())),
                          over_seeds(metric_of(search, "search/evaluations")), over_seeds(last),
                          over_seeds(differences), label_cell(verdict_of(differences)),
                          over_seeds(metric_of(search, "search/front")),
                          over_seeds(metric_of(search, "search/seconds"))});
  }
  return table;
}

/// Those whose sizes are of one kind, each in its order.
std::vector<std::vector<Search>> by_size(const std::vector<Search>& searches) {
  std::map<std::string, std::vector<Search>> kinds;
  for (const Search& search : searches) kinds[search.size].push_back(search);
  std::vector<std::vector<Search>> all;
  for (auto& [size, alike] : kinds) all.push_back(std::move(alike));
  return all;
}

bool has_times(const Search& search) { return !metric_of(search, "front/error").empty(); }

Table latency_table(const Bench& bench, const std::vector<Search>& searches) {
  Table table{"Predicted and measured latency: " + bench.title,
              {{"", "search", "", 0},
               {"", "networks timed for the model", "", 0},
               {"", "the model's error, left out", "", -1},
               {"", "on the front", "", 0},
               {"", "its error there", "", -1}},
              {}};
  for (const Search& search : searches) {
    if (!has_times(search)) continue;
    table.rows.push_back({label_cell(search.label),
                          over_seeds(metric_of(search, "latency/networks")),
                          over_seeds(metric_of(search, "latency/error")),
                          over_seeds(metric_of(search, "search/front")),
                          over_seeds(metric_of(search, "front/error"))});
  }
  return table;
}

PlotSeries timed_series(const Search& search) {
  PlotSeries series{search.label, {}};
  for (const Run& run : search.runs) {
    const Curve predicted = curve_of(*run.arm, kPredicted), lo = curve_of(*run.arm, kTimedLo),
                hi = curve_of(*run.arm, kTimedHi);
    for (const auto& [number, timed] : curve_of(*run.arm, kTimed)) {
      const auto x = predicted.find(number);
      if (x == predicted.end()) continue;
      PlotPoint point{fmt::format("seed {}, evaluation {}", run.seed, number), x->second, timed};
      if (lo.contains(number) && hi.contains(number)) {
        point.y_lo = lo.at(number);
        point.y_hi = hi.at(number);
      }
      series.points.push_back(std::move(point));
    }
  }
  return series;
}

Plot latency_plot(const Bench& bench, const std::vector<Search>& searches) {
  Plot plot;
  plot.kind = Plot::Kind::kScatter;
  plot.title = "Latency of the networks on the front: " + bench.title;
  plot.x = {"predicted, share of the whole network's", "", false, 0};
  plot.y = {"measured, share of the whole network's", "", false, 0};
  plot.caption =
      "Each network of a front, taken out and timed beside the whole one. 95 % intervals of the "
      "median over rounds.";
  for (const Search& search : searches) {
    if (has_times(search)) plot.series.push_back(timed_series(search));
  }
  return plot;
}

}  // namespace

Section search_section(const SectionInput& input) {
  Section section{"search", "Searches", {}, {}, {}};
  for (const Bench& bench : input.cells.benches()) {
    const std::vector<Search> searches = searches_of(bench);
    if (searches.empty()) continue;
    section.tables.push_back(search_table(bench, searches));
    for (const std::vector<Search>& alike : by_size(searches)) {
      section.plots.push_back(candidates_plot(bench, alike));
      section.plots.push_back(volume_plot(bench, alike));
    }
    if (!std::any_of(searches.begin(), searches.end(), has_times)) continue;
    section.tables.push_back(latency_table(bench, searches));
    section.plots.push_back(latency_plot(bench, searches));
  }
  if (section.tables.empty()) return section;
  section.text.push_back(
      "Hypervolume: area that the judged networks dominate below the reference (the size of the "
      "whole model, and the quality of a guess unless the search was given another), as a share of "
      "it. Intervals are over seeds, differences of equal seeds (95 %, Student).");
  return section;
}

}  // namespace assay
