// Google Benchmark's JSON: its compare.py reads our times. One entry a process, because the process
// is what repeats; times within one process are not independent.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "harness/base/json_text.h"
#include "reports/cells.h"
#include "reports/format.h"
#include "reports/remark_notes.h"

namespace assay {
namespace {

constexpr double kNanoseconds = 1e9;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Medians of the processes that measured anything, in seconds.
std::vector<double> process_medians(const TimedSeries& series) {
  std::vector<double> medians;
  for (const ProcessValues& process : series.processes) {
    if (!process.values.empty()) medians.push_back(median_of(process.values));
  }
  return medians;
}

std::string text_of(const std::string& text) { return json_text(Json(text)); }

/// What is said beside a metric of a cell.
std::string said_of(const ReportCell& cell, const std::string& metric, const RemarkIndex& remarks) {
  const ResultRow* row = cell.metric(metric);
  return remarks_line(row == nullptr ? remarks.of_cell(cell.first->cell_key) : remarks.of(*row));
}

/// One object a process. Written as text: a document of so many small objects takes longer to build
/// than to write.
void add_entries(std::string& benchmarks, const std::string& name, const TimedSeries& series,
                 const std::string& remarks) {
  const std::vector<double> medians = process_medians(series);
  const std::string quoted = text_of(name);
  const std::string label = remarks.empty() ? "" : ", \"label\": " + text_of(remarks);
  for (std::size_t i = 0; i < medians.size(); ++i) {
    // cpu_time repeats real_time: only wall time is measured, and compare.py wants both.
    fmt::format_to(
        std::back_inserter(benchmarks),
        "{}{{\"name\": {}, \"run_name\": {}, \"run_type\": \"iteration\", "
        "\"repetitions\": {}, \"repetition_index\": {}, \"threads\": 1, \"iterations\": 1, "
        "\"real_time\": {}, \"cpu_time\": {}, \"time_unit\": \"ns\"{}}}",
        benchmarks.empty() ? "\n    " : ",\n    ", quoted, quoted, medians.size(), i,
        medians[i] * kNanoseconds, medians[i] * kNanoseconds, label);
  }
}

void add_document(std::string& benchmarks, const Document& document) {
  const Cells cells(document.records);
  std::map<std::string, const ReportCell*> by_key;
  for (const ReportCell& cell : cells.cells()) by_key.emplace(cell.first->cell_key, &cell);
  for (const TimedSeries& series : document.timings) {
    const auto found = by_key.find(series.cell_key);
    if (found == by_key.end() || series.unit != "s") continue;
    const ReportCell& cell = *found->second;
    add_entries(benchmarks,
                fmt::format("{}/{}/{}/{}/{}", document.name, cell.first->model, cell.suite,
                            cell.method, series.metric),
                series, said_of(cell, series.metric, document.remarks));
  }
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string benchmarks;
  Json machines = Json::array();
  Json warnings = Json::array();
  for (const Document& document : documents) {
    add_document(benchmarks, document);
    for (const std::string& line : document.environment) machines.push_back(line);
    for (const std::string& line : document.warnings) warnings.push_back(line);
  }
  const Json context = {{"executable", "assay"},
                        {"library_build_type", "release"},
                        {"machines", machines},
                        {"warnings", warnings}};
  return fmt::format("{{\n  \"context\": {},\n  \"benchmarks\": [{}\n  ]\n}}\n", json_text(context),
                     benchmarks);
}

}  // namespace

void register_benchmark_format(FormatRegistry& registry) {
  registry.add({.name = "benchmark",
                .summary = "times as Google Benchmark's JSON, for its compare.py",
                .extension = "benchmark.json",
                .raw_values = true,
                .render = render});
}

}  // namespace assay
