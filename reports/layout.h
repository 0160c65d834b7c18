#pragma once
// Tables that somebody asked for: which rows, what makes a line, what makes a column.

#include <string>
#include <vector>

#include "harness/base/json.h"
#include "reports/document.h"
#include "reports/evidence.h"
#include "reports/remark_notes.h"

namespace assay {

/// A table of an experiment file's `[[report]]` block, or of the options of `assay report`.
/// Fields are model, method, setting, suite, profile, seed, status, experiment, params.NAME,
/// suite.NAME; `setting` is the method with the parameters that vary.
struct Layout {
  std::string name, title;
  std::vector<std::string> where;     ///< FIELD=VALUE[,VALUE], also != < <= > >=; all must hold
  std::vector<std::string> group_by;  ///< what makes a line; default: setting
  /// What makes columns beside the metric; default: suite, where it makes no lines. What is the
  /// same in every suite (size, cost of the fit) has one column then.
  std::vector<std::string> pivot;
  /// Metrics, in order ("token_ppl", "achieved_*"); empty: the headline metrics that are there.
  std::vector<std::string> columns;
  /// True when nothing was asked for: the usual tables will do.
  [[nodiscard]] bool usual() const {
    return where.empty() && group_by.empty() && pivot.empty() && columns.empty();
  }
};

/// Of a resolved experiment's "reports". Throws UserError for a document that is none.
Layout layout_from_json(const Json& document);

/// The rows that meet all conditions. Throws UserError for a malformed one or a field that no row
/// has.
std::vector<ResultRow> rows_where(const std::vector<ResultRow>& rows,
                                  const std::vector<std::string>& conditions);

/// One table. Two values never share a place: where they would, the cell says SEVERAL and a note
/// names the fields in which they differ. Of the values that share all but the method those are
/// marked that are not told apart from the best; dense takes no part. Throws UserError for a field
/// or metric that no row has.
Table layout_table(const std::vector<ResultRow>& rows, const Layout& layout, Notes& notes,
                   const Evidence& evidence = {});

}  // namespace assay
