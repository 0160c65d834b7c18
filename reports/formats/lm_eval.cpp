// Scores as lm-evaluation-harness 0.4 writes them, for scripts that read its results_*.json. One
// document a model and method: indented when there is one, else one a line.

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/json_text.h"
#include "reports/cells.h"
#include "reports/format.h"

namespace assay {
namespace {

/// "acc,none", "acc_stderr,none": the filter stands behind every metric, and one that is imported
/// may have its own.
std::string metric_key(const std::string& metric, const std::string& suffix = "") {
  const std::size_t comma = metric.find(',');
  const std::string filter = comma == std::string::npos ? ",none" : metric.substr(comma);
  return metric.substr(0, comma) + suffix + filter;
}

/// Values of items: no times, sizes or shares of weights.
bool is_score(const ResultRow& row) {
  if (!row.value || row.timed || !row.unit.empty()) return false;
  if (row.basis == Basis::kUndeclared) return row.direction != 0;
  return row.basis == Basis::kShare || row.basis == Basis::kMean || row.basis == Basis::kExpMean;
}

/// A stranger's database may hold anything.
Json document_or_text(const std::string& text) {
  Json document = Json::parse(text, nullptr, false);
  return document.is_discarded() ? Json(text) : document;
}

/// Its standard error of a share: the sample's standard deviation over the root of n.
Json standard_error(const ResultRow& row) {
  const double share = *row.value;
  if (row.basis != Basis::kShare || row.n < 2 || share < 0 || share > 1) return "N/A";
  return std::sqrt(share * (1 - share) / static_cast<double>(row.n - 1));
}

void add_config(Json& document, const ReportCell& cell) {
  document["configs"][cell.suite] = {{"task", cell.suite},
                                     {"num_fewshot", 0},
                                     {"metadata", document_or_text(cell.first->suite_params)}};
}

void add_task(Json& document, const ReportCell& cell) {
  Json result = {{"alias", cell.suite}};
  Json better = Json::object();
  std::int64_t n = 0;
  for (const ResultRow* row : cell.metrics) {
    if (!is_score(*row)) continue;
    result[metric_key(row->metric)] = *row->value;
    result[metric_key(row->metric, "_stderr")] = standard_error(*row);
    if (row->direction != 0) {
      better[row->metric.substr(0, row->metric.find(','))] = row->direction > 0;
    }
    n = std::max(n, row->n);
  }
  if (result.size() == 1) return;
  document["results"][cell.suite] = result;
  document["higher_is_better"][cell.suite] = better;
  document["n-shot"][cell.suite] = 0;
  document["n-samples"][cell.suite] = {{"original", cell.first->limited ? Json() : Json(n)},
                                       {"effective", n}};
  document["group_subtasks"][cell.suite] = Json::array();
  add_config(document, cell);
}

Json document_of(const Document& report, const Arm& arm) {
  const ResultRow& row = *arm.first;
  Json document = {{"git_hash", nullptr},
                   {"model_source", "assay"},
                   {"model_name", row.model},
                   {"config",
                    {{"model", "assay"},
                     {"model_args", "pretrained=" + row.model + ",method=" + row.method},
                     {"method", row.method},
                     {"params", document_or_text(row.params)},
                     {"experiment", report.name},
                     {"profile", row.profile},
                     {"random_seed", row.seed},
                     {"random_weights", row.random_weights}}}};
  for (const char* part : {"results", "group_subtasks", "configs", "versions", "n-shot",
                           "higher_is_better", "n-samples", "not_measured"}) {
    document[part] = Json::object();
  }
  for (const ReportCell* cell : arm.cells) {
    if (cell->ok()) {
      add_task(document, *cell);
    } else {
      add_config(document, *cell);
      document["not_measured"][cell->suite] = cell->first->status + ": " + cell->first->reason;
    }
  }
  return document;
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::vector<Json> all;
  for (const Document& report : documents) {
    const Cells cells(report.records);
    for (const Bench& bench : cells.benches()) {
      for (const Arm& arm : bench.arms) all.push_back(document_of(report, arm));
    }
  }
  if (all.size() == 1) return json_text(all.front(), 2) + "\n";
  std::string text;
  for (const Json& document : all) text += json_text(document) + "\n";
  return text;
}

}  // namespace

void register_lm_eval_format(FormatRegistry& registry) {
  registry.add({.name = "lm-eval",
                .summary = "scores as lm-evaluation-harness writes them, one document an arm",
                .extension = "lm-eval.json",
                .render = render});
}

}  // namespace assay
