// JUnit XML: one test case a cell, so that a CI's test page shows what could not be measured.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "harness/base/markup.h"
#include "reports/cells.h"
#include "reports/format.h"
#include "reports/remark_notes.h"

namespace assay {
namespace {

enum class Sort { kPassed, kFailure, kError, kSkipped };

/// A wrong or missing answer is a failure, what was not tried or not finished an error, what has no
/// answer is skipped.
Sort sort_of(const std::string& status) {
  if (status == "OK") return Sort::kPassed;
  if (status == "UNMET") return Sort::kSkipped;
  static constexpr std::array kFailures = {"INVALID", "NAN", "OOM", "TIMEOUT", "CRASHED"};
  const bool failure = std::find(kFailures.begin(), kFailures.end(), status) != kFailures.end();
  return failure ? Sort::kFailure : Sort::kError;
}

struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

/// What is said beside the cell's values, one a line and each once.
std::string remarks_of(const ReportCell& cell, const RemarkIndex& index) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& line) {
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  };
  for (const RowRemark& remark : index.of_cell(cell.first->cell_key)) add(remark_text(remark));
  for (const ResultRow* row : cell.metrics) {
    if (!row->no_interval.empty()) add(row->metric + ": " + row->no_interval);
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string test_case(const ReportCell& cell, const RemarkIndex& index, Counts& counts) {
  const ResultRow& row = *cell.first;
  std::string text =
      fmt::format("    <testcase classname=\"{}.{}\" name=\"{}, {}\"", html_escaped(row.model),
                  html_escaped(row.profile), html_escaped(cell.method), html_escaped(cell.suite));
  ++counts.tests;
  const Sort sort = sort_of(row.status);
  const std::string remarks = remarks_of(cell, index);
  const std::string said =
      remarks.empty() ? ""
                      : fmt::format("      <system-out>{}</system-out>\n", html_escaped(remarks));
  if (sort == Sort::kPassed && said.empty()) return text + "/>\n";
  if (sort == Sort::kPassed) return text + ">\n" + said + "    </testcase>\n";
  const char* element = sort == Sort::kFailure ? "failure"
                        : sort == Sort::kError ? "error"
                                               : "skipped";
  ++(sort == Sort::kFailure ? counts.failures
     : sort == Sort::kError ? counts.errors
                            : counts.skipped);
  const std::string message =
      html_escaped(row.status + (row.reason.empty() ? "" : ": " + row.reason));
  const std::string type =
      sort == Sort::kSkipped ? "" : fmt::format(" type=\"{}\"", html_escaped(row.status));
  return text + fmt::format(">\n      <{} message=\"{}\"{}/>\n{}    </testcase>\n", element,
                            message, type, said);
}

std::string suite_xml(const Document& document) {
  const Cells cells(document.records);
  Counts counts;
  std::string cases;
  for (const ReportCell& cell : cells.cells()) {
    cases += test_case(cell, document.remarks, counts);
  }
  return fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
      "skipped=\"{}\">\n{}  </testsuite>\n",
      html_escaped(document.title), counts.tests, counts.failures, counts.errors, counts.skipped,
      cases);
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const Document& document : documents) text += suite_xml(document);
  return text + "</testsuites>\n";
}

}  // namespace

void register_junit_format(FormatRegistry& registry) {
  registry.add({.name = "junit",
                .summary = "JUnit XML, one test case a cell",
                .extension = "xml",
                .render = render});
}

}  // namespace assay
