#include "reports/run_warnings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string>

namespace assay {
namespace {

/// Suites of which only a part was scored, and whether any model has random weights.
struct Marks {
  std::set<std::string> limited;
  bool random = false, imported = false;
};

Marks marks_of(const std::vector<ResultRow>& rows) {
  Marks marks;
  for (const ResultRow& row : rows) {
    if (row.limited) marks.limited.insert(row.suite);
    marks.random = marks.random || row.random_weights;
    marks.imported = marks.imported || row.profile == kImportedProfile;
  }
  return marks;
}

}  // namespace

void add_run_warnings(Document& document, const std::vector<ResultRow>& rows) {
  const Marks marks = marks_of(rows);
  if (!marks.limited.empty()) {
    const std::string names = fmt::format("{}", fmt::join(marks.limited, ", "));
    document.warnings.push_back("LIMITED RUN: only a part of these suites was scored: " + names +
                                ". Not comparable with published figures.");
    document.watermarks.emplace_back("LIMITED RUN");
  }
  if (marks.random) {
    document.warnings.emplace_back(
        "RANDOM WEIGHTS: such a model has a shape and a speed, no quality.");
    document.watermarks.emplace_back("RANDOM WEIGHTS");
  }
  if (marks.imported) {
    document.warnings.emplace_back(
        "IMPORTED: values of profile 'imported' came out of a file and were not measured here; "
        "nothing is compared with them.");
    document.watermarks.emplace_back("IMPORTED");
  }
}

}  // namespace assay
