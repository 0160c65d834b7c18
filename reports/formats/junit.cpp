// JUnit XML: one test case a cell, so that a CI's test page shows what could not be measured.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "harness/base/markup.h"
#include "reports/cells.h"
#include "reports/format.h"

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

std::string test_case(const ReportCell& cell, Counts& counts) {
  const ResultRow& row = *cell.first;
  std::string text =
      fmt::format("    <testcase classname=\"{}.{}\" name=\"{}, {}\"", html_escaped(row.model),
                  html_escaped(row.profile), html_escaped(cell.method), html_escaped(cell.suite));
  ++counts.tests;
  const Sort sort = sort_of(row.status);
  if (sort == Sort::kPassed) return text + "/>\n";
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
  return text +
         fmt::format(">\n      <{} message=\"{}\"{}/>\n    </testcase>\n", element, message, type);
}

std::string suite_xml(const Document& document) {
  const Cells cells(document.records);
  Counts counts;
  std::string cases;
  for (const ReportCell& cell : cells.cells()) cases += test_case(cell, counts);
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
