// Where the time of the run went: wall time of the child processes by what they did.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/numbers.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

struct Spent {
  std::int64_t processes = 0;
  double wall = 0, cpu = 0;
};

/// By method, then by pass.
using ByMethod = std::vector<std::pair<std::string, std::map<std::string, Spent>>>;

ByMethod spent_by_method(const SectionInput& input) {
  std::map<std::string, const ReportCell*> cells;
  for (const ReportCell& cell : input.cells.cells()) cells[cell.first->cell_key] = &cell;
  ByMethod result;
  for (const ProcessTotal& total : input.results.processes) {
    const auto cell = cells.find(total.cell_key);
    if (cell == cells.end() || total.pass == "import") continue;
    const std::string& method = cell->second->method;
    auto found = std::find_if(result.begin(), result.end(),
                              [&](const auto& entry) { return entry.first == method; });
    if (found == result.end()) {
      result.emplace_back(method, std::map<std::string, Spent>{});
      found = result.end() - 1;
    }
    Spent& spent = found->second[total.pass];
    spent.processes += total.processes;
    spent.wall += total.wall_seconds;
    spent.cpu += total.cpu_seconds;
  }
  return result;
}

Table spent_table(const ByMethod& spent) {
  Table table{"Child processes by method and pass",
              {{"", "method", "", 0},
               {"", "pass", "", 0},
               {"", "processes", "", 0},
               {"", "wall time", "s", 0},
               {"", "CPU time", "s", 0}},
              {},
              2};
  for (const auto& [method, passes] : spent) {
    for (const auto& [pass, totals] : passes) {
      table.rows.push_back({label_cell(method), label_cell(pass),
                            number_cell(static_cast<double>(totals.processes)),
                            number_cell(totals.wall), number_cell(totals.cpu)});
    }
  }
  return table;
}

Plot spent_plot(const ByMethod& spent) {
  Plot plot;
  plot.kind = Plot::Kind::kBars;
  plot.title = "Wall time of the child processes";
  plot.x = {"method", "", false, 0};
  plot.y = {"wall time", "s", false, -1};
  plot.caption = "From start to end of each process: loading, warming up and measuring.";
  std::set<std::string> passes;
  for (const auto& [method, totals] : spent) {
    plot.categories.push_back(method);
    for (const auto& [pass, total] : totals) passes.insert(pass);
  }
  for (const std::string& pass : passes) {
    PlotSeries series{pass, {}};
    for (std::size_t i = 0; i < spent.size(); ++i) {
      const auto found = spent[i].second.find(pass);
      if (found == spent[i].second.end()) continue;
      series.points.push_back(
          {fmt::format("{}, {}: {} processes", spent[i].first, pass, found->second.processes),
           static_cast<double>(i), found->second.wall});
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace

Section time_spent_section(const SectionInput& input) {
  Section section{"time-spent", "Where the time of the run went", {}, {}, {}};
  const ByMethod spent = spent_by_method(input);
  if (spent.empty()) return section;
  section.tables.push_back(spent_table(spent));
  section.plots.push_back(spent_plot(spent));
  return section;
}

}  // namespace assay
