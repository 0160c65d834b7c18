// Measured speed-ups beside what work, bytes and the machine predict.

#include "harness/judge/predicted.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/sections/sections.h"

namespace assay {
namespace {

struct Kind {
  const char* title;
  const Prediction SpeedUp::*prediction;
};

constexpr Kind kKinds[] = {{"by work (FLOP)", &SpeedUp::by_flops},
                           {"by bytes read", &SpeedUp::by_bytes},
                           {"by the machine's roofline", &SpeedUp::by_roofline}};

/// Speed-ups of one model on one profile, each with its cell's labels.
struct Entry {
  const SpeedUp* row = nullptr;
  const ReportCell* cell = nullptr;
};

using Groups = std::vector<std::pair<std::string, std::vector<Entry>>>;

Groups groups_of(const SectionInput& input) {
  std::map<std::string, const ReportCell*> cells;
  for (const ReportCell& cell : input.cells.cells()) cells[cell.first->cell_key] = &cell;
  Groups groups;
  for (const SpeedUp& row : input.results.speed_ups) {
    const auto cell = cells.find(row.cell_key);
    if (cell == cells.end() || !row.measured) continue;
    const std::string title = fmt::format("{}, profile {}", row.model, row.profile);
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first == title; });
    if (found == groups.end()) found = groups.insert(groups.end(), {title, {}});
    found->second.push_back({&row, cell->second});
  }
  return groups;
}

TableCell measured_cell(const Entry& entry, Notes& notes) {
  const SpeedUp& row = *entry.row;
  TableCell cell = number_cell(row.measured);
  if (row.interval) {
    cell.lo = row.interval->lo;
    cell.hi = row.interval->hi;
  }
  notes.add_cell_remarks(cell, row.cell_key);
  return cell;
}

/// A kind of prediction that no entry has says nothing in a column of its own.
std::vector<Kind> kinds_in(const std::vector<Entry>& entries) {
  std::vector<Kind> kinds;
  for (const Kind& kind : kKinds) {
    if (std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
          return (entry.row->*kind.prediction).value.has_value();
        })) {
      kinds.push_back(kind);
    }
  }
  return kinds;
}

/// Why entries have no prediction, once a reason.
void add_reasons(std::vector<std::string>& text, const std::vector<Entry>& entries) {
  for (const Kind& kind : kKinds) {
    for (const Entry& entry : entries) {
      const Prediction& prediction = entry.row->*kind.prediction;
      if (prediction.value || prediction.reason.empty()) continue;
      std::string line =
          fmt::format("Where nothing is predicted {}: {}", kind.title, prediction.reason);
      if (std::find(text.begin(), text.end(), line) == text.end()) text.push_back(std::move(line));
    }
  }
}

Table table_of(const std::string& title, const std::vector<Entry>& entries, Notes& notes) {
  const std::vector<Kind> kinds = kinds_in(entries);
  const bool roofline = std::any_of(entries.begin(), entries.end(),
                                    [](const Entry& entry) { return !entry.row->bound.empty(); });
  Table table{title,
              {{"", "method", "", 0},
               {"", "suite", "", 0},
               {"", "metric", "", 0},
               {"", "measured", "x dense", 1}},
              {},
              3};
  for (const Kind& kind : kinds) table.columns.push_back({"", kind.title, "x dense", 0});
  if (roofline) {
    table.columns.push_back({"", "limited by", "", 0});
    table.columns.push_back({"", "roofline reached", "", 0});
  }
  for (const Entry& entry : entries) {
    std::vector<TableCell> row = {label_cell(entry.cell->method), label_cell(entry.cell->suite),
                                  label_cell(entry.row->metric), measured_cell(entry, notes)};
    for (const Kind& kind : kinds) row.push_back(number_cell((entry.row->*kind.prediction).value));
    if (roofline) {
      row.push_back(entry.row->bound.empty() ? TableCell{} : label_cell(entry.row->bound));
      row.push_back(number_cell(entry.row->reached));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Plot plot_of(const std::string& title, const std::vector<Entry>& entries,
             const RemarkIndex& remarks) {
  Plot plot;
  plot.kind = Plot::Kind::kScatter;
  plot.title = "Measured against predicted speed-up: " + title;
  plot.caption =
      "On the diagonal a prediction comes true; below it the method is slower than its "
      "work or bytes promise.";
  plot.x = {"predicted, times as fast as dense", "x", false, 0};
  plot.y = {"measured, times as fast as dense", "x", false, 1};
  plot.reference = 1;
  plot.diagonal = true;
  for (const Kind& kind : kKinds) {
    PlotSeries series{kind.title, {}};
    for (const Entry& entry : entries) {
      const std::optional<double>& predicted = (entry.row->*kind.prediction).value;
      if (!predicted) continue;
      PlotPoint point{
          fmt::format("{}, {} {}", entry.cell->method, entry.cell->suite, entry.row->metric),
          *predicted, entry.row->measured};
      if (entry.row->interval) {
        point.y_lo = entry.row->interval->lo;
        point.y_hi = entry.row->interval->hi;
      }
      point.remarks = remarks_line(remarks.of_cell(entry.row->cell_key));
      series.points.push_back(std::move(point));
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace

Section predicted_section(const SectionInput& input) {
  Section section{"predicted", "Measured against predicted speed", {}, {}, {}};
  section.text.emplace_back(
      "What a method's work and bytes promise, and what the machine's own figures (assay doctor "
      "--db) make of them, beside what was measured against the dense twin of the same session.");
  for (const auto& [title, entries] : groups_of(input)) {
    add_reasons(section.text, entries);
    section.tables.push_back(table_of(title, entries, input.notes));
    Plot plot = plot_of(title, entries, input.notes.remarks());
    if (!plot.series.empty()) section.plots.push_back(std::move(plot));
  }
  return section;
}

}  // namespace assay
