#pragma once
// One metric over commits and dates, with the places where its level changed.

#include <string>
#include <vector>

#include "harness/store/report_records.h"
#include "reports/document.h"
#include "reports/report.h"

namespace assay {

struct HistoryOptions {
  std::string experiment;          ///< only this one, or the baselines of this name; "" = all
  std::vector<std::string> where;  ///< as Layout::where
  double threshold = 0.05;         ///< smallest relative step that is told
};

/// One line a setting, oldest value first, with a sparkline; one picture a setting. Throws
/// UserError for a metric or experiment that is not there.
Document history_document(const Store& store, const std::string& metric,
                          const HistoryOptions& options);

std::string render_history(const Store& store, const std::string& metric,
                           const HistoryOptions& history, const std::string& format,
                           const RenderOptions& options);

}  // namespace assay
