// Ratios to the dense twin with a word each.

#include <fmt/format.h>

#include "reports/headlines.h"
#include "reports/sections/sections.h"

namespace assay {
namespace {

bool has_ratio(const ResultRow& row) {
  if (row.method == "dense" || !row.ratio || row.direction == 0) return false;
  for (const Headline& headline : headlines()) {
    if (headline.tag == row.metric) return headline.ratio;
  }
  return false;
}

TableCell ratio_cell(const ResultRow* row, const SectionInput& input) {
  const auto ratio = row == nullptr ? std::nullopt : ratio_to_dense(*row, input.cells);
  if (!ratio) return {};
  TableCell cell = number_cell(ratio->value);
  cell.lo = ratio->lo;
  cell.hi = ratio->hi;
  cell.word = ratio->word;
  input.notes.add_remarks(cell, *row);
  const ResultRow* twin = input.cells.twin(*row);
  if (twin != nullptr) input.notes.add_remarks(cell, *twin);
  return cell;
}

/// A status where the cell has one, so that a gap in the summary has its reason too.
TableCell summary_cell(const Arm& arm, const BenchMetric& metric, const SectionInput& input) {
  const ReportCell* cell = arm.cell(metric.suite);
  if (cell == nullptr) return {};
  const ResultRow* row = cell->metric(metric.any->metric);
  TableCell made = ratio_cell(row, input);
  if (made.kind != TableCell::Kind::kAbsent) return made;
  made.kind = TableCell::Kind::kStatus;
  made.text = !cell->ok() ? cell->first->status : row == nullptr ? "NOT MEASURED" : "NO TWIN";
  return made;
}

/// The model's size is the same in every suite: one column.
std::vector<BenchMetric> without_repeats(std::vector<BenchMetric> metrics) {
  bool sized = false;
  std::erase_if(metrics, [&](const BenchMetric& metric) {
    if (!metric.any->metric.starts_with("model/")) return false;
    return std::exchange(sized, true);
  });
  return metrics;
}

Table bench_table(const Bench& bench, const SectionInput& input) {
  const auto metrics = without_repeats(bench_metrics(bench, has_ratio));
  Table table;
  table.title = bench.title;
  if (metrics.empty()) return table;
  table.columns.push_back({"", "method", "", 0});
  for (const BenchMetric& metric : metrics) {
    const bool sized = metric.any->metric.starts_with("model/");
    table.columns.push_back({sized ? "" : metric.suite,
                             sized ? "weights" : metric_name("", *metric.any), "x dense",
                             metric.any->direction, metric.any->convention});
  }
  for (const Arm& arm : bench.arms) {
    if (arm.dense()) continue;
    std::vector<TableCell> row = {label_cell(arm.label)};
    for (const BenchMetric& metric : metrics) row.push_back(summary_cell(arm, metric, input));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Section summary_section(const SectionInput& input) {
  Section section{"summary", "Against the dense model", {}, {}, {}};
  section.text.emplace_back(
      "Value over that of the dense twin: the same model, suite, profile and seed, and for times "
      "the same session. The 95 % interval is from pairs: processes that ran next to each other, "
      "items that both answered. Where there are none it is as wide as both intervals allow, which "
      "is cautious. Without a twin there is no ratio.");
  for (const Bench& bench : input.cells.benches()) {
    Table table = bench_table(bench, input);
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
  }
  return section;
}

}  // namespace assay
