#pragma once
// Result rows put together again: one entry a cell, found by what it answers.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/store/report_records.h"
#include "harness/store/store.h"
#include "reports/evidence.h"
#include "reports/labels.h"

namespace assay {

/// A cell with its metrics. Pointers are into the rows that Cells was made from.
struct ReportCell {
  const ResultRow* first = nullptr;  ///< any of its rows: names, status, reason
  std::string method, suite;         ///< labels
  std::vector<const ResultRow*> metrics;
  [[nodiscard]] bool ok() const { return first->status == "OK"; }
  /// Row with a value of the metric, or null.
  [[nodiscard]] const ResultRow* metric(std::string_view tag) const;
};

/// All cells of one method with one set of parameters on one model, profile and seed.
struct Arm {
  const ResultRow* first = nullptr;
  std::string label;
  std::vector<const ReportCell*> cells;
  [[nodiscard]] bool dense() const { return first->method == "dense"; }
  /// First cell with a value of the metric (what is the same in every suite), or null.
  [[nodiscard]] const ResultRow* metric(std::string_view tag) const;
  [[nodiscard]] const ReportCell* cell(const std::string& suite) const;
};

/// One model on one profile.
struct Bench {
  std::string title;  ///< "smollm2-135m, profile cpu"
  bool random_weights = false;
  bool imported = false;            ///< measured elsewhere: never beside what was measured here
  std::vector<std::string> suites;  ///< labels in order of the plan
  std::vector<Arm> arms;
};

class Cells {
 public:
  /// `rows`, and what the evidence was made from, must outlive this and stay where they are.
  explicit Cells(const std::vector<ResultRow>& rows, Evidence evidence = {});
  [[nodiscard]] const std::vector<Bench>& benches() const { return benches_; }
  [[nodiscard]] const std::vector<ReportCell>& cells() const { return cells_; }
  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] const Evidence& evidence() const { return evidence_; }
  /// The dense row of the same question, metric and convention; null without one.
  [[nodiscard]] const ResultRow* twin(const ResultRow& row) const;

 private:
  Labels labels_;
  Evidence evidence_;
  std::vector<ReportCell> cells_;
  std::vector<Bench> benches_;
  std::map<std::string, const ResultRow*> dense_;
};

/// A ratio to the dense twin with an interval.
struct RatioEstimate {
  double value = 1;
  /// 95 %, from pairs of processes or items; where there are none, from both 95 % intervals, as far
  /// apart as they allow, which is wider.
  std::optional<double> lo, hi;
  std::string word;  ///< "better", "worse", "not told apart"; "" without direction or interval
  [[nodiscard]] bool is_open() const { return word == "not told apart" || word.empty(); }
};

/// Absent without a twin: there is no ratio then.
std::optional<RatioEstimate> ratio_to_dense(const ResultRow& row, const Cells& cells);

/// Metrics that say how well a model answers, and how fast; a share of them is in headlines.
bool is_quality(const ResultRow& row);
bool is_speed(const ResultRow& row);
/// A speed-up, compression ratio or other multiple of a baseline that the imported file does not
/// hold: what published results often are.
bool is_imported_multiple(const ResultRow& row);

/// "news-ppl token_ppl": what a column or an axis is called, with the convention's name.
std::string metric_name(const std::string& suite, const ResultRow& row);

}  // namespace assay
