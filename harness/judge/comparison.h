#pragma once
// Two sets of cells, metric by metric.

#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/judge/judge_cell.h"
#include "harness/judge/side_remarks.h"
#include "harness/judge/verdict.h"
#include "harness/store/records.h"

namespace assay {

struct ComparedRow {
  std::string model, suite, method, profile;  ///< labels; method "a -> b" across methods
  std::string cell_key;                       ///< of the candidate, of the base where it is missing
  bool limited = false;                       ///< a side looked at a part of its data only
  /// False: both sides are UNMET, or neither has a value; nothing was to be measured.
  bool counts = true;
  std::string waived;  ///< why its verdict does not decide the exit code; usually empty
  std::vector<SideRemark> remarks = {};  ///< of both cells: they touch every metric
  Judgement judgement;
  /// "suite/method/metric", what a waiver names; the metric is "-" for a cell as a whole.
  [[nodiscard]] std::string name() const;
};

/// Somebody takes the responsibility for rows, and says why.
struct Waiver {
  std::string rows;  ///< glob over ComparedRow::name(), as "decode/wanda*/decode/*"
  std::string reason;
};

struct Comparison {
  std::string base, candidate;  ///< what was compared, in words
  Rules rules;
  std::vector<ComparedRow> rows;
};

struct CompareOptions {
  bool across_methods = false;
  bool only_common = false;  ///< leave out cells that one side lacks
};

/// Pairs the cells and judges every metric that the rules ask for. Pure: equal records, equal
/// comparison. Rows of cells that cannot be compared have an empty metric and say why.
Comparison compare_cells(const std::vector<CellRecord>& a, const std::vector<CellRecord>& b,
                         const Rules& rules, const CompareOptions& options = {});

/// Marks the rows that the waivers name. Their verdicts stay as they are and are shown with the
/// reason; they decide no exit code. Throws UserError for a waiver that names no row: it is stale.
void waive(Comparison& comparison, const std::vector<Waiver>& waivers);

/// True when a row measured in processes is worse: what fresh processes should confirm.
bool wants_confirmation(const ComparedRow& row);

/// True also when it is ambiguous: twice the processes may decide it.
bool wants_second_round(const ComparedRow& row);

/// Judges again with a second round of the candidate's timed cells (`second`, the same plan as
/// `first`): what was worse, or is with both rounds, needs the second one to agree (`confirmed` of
/// times.h); what was ambiguous is what both rounds together say. Rows that did not want it stay as
/// they are.
Comparison confirm(const Comparison& comparison, const std::vector<CellRecord>& a,
                   const std::vector<CellRecord>& first, const std::vector<CellRecord>& second);

/// How many rows have a verdict; rows that do not count or are waived are left out.
std::size_t count_of(const Comparison& comparison, Verdict verdict);
std::size_t waived_count(const Comparison& comparison);

/// 1 worse; else 3 something could not be measured, or nothing was; else 4 ambiguous, unless that
/// is allowed; else 0.
ExitCode exit_code_of(const Comparison& comparison, bool allow_ambiguous);

}  // namespace assay
