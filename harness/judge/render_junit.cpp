#include <fmt/format.h>

#include "harness/judge/render.h"

namespace assay {
namespace {

/// XML 1.0 has no place for control characters but tab and line ends.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? '?' : c;
    }
  }
  return result;
}

struct Tally {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

std::string outcome_of(const ComparedRow& row, bool allow_ambiguous, Tally& tally) {
  const Judgement& judgement = row.judgement;
  const std::string message = escaped(fmt::format("{} {}; {}", verdict_name(judgement.verdict),
                                                  effect_text(judgement), reasons_text(judgement)));
  const std::string details = escaped(evidence_text(judgement));
  if (!row.counts || !row.waived.empty()) {
    ++tally.skipped;
    const std::string waived = row.waived.empty() ? "" : escaped("waived: " + row.waived + "; ");
    return fmt::format("<skipped message=\"{}{}\"/>", waived, message);
  }
  if (judgement.verdict == Verdict::kNotMeasured) {
    ++tally.errors;
    return fmt::format("<error type=\"not measured\" message=\"{}\">{}</error>", message, details);
  }
  const bool ambiguous = judgement.verdict == Verdict::kAmbiguous;
  if (judgement.verdict == Verdict::kWorse || (ambiguous && !allow_ambiguous)) {
    ++tally.failures;
    return fmt::format("<failure type=\"{}\" message=\"{}\">{}</failure>",
                       verdict_name(judgement.verdict), message, details);
  }
  return fmt::format("<system-out>{} {}</system-out>", message, details);
}

}  // namespace

std::string comparison_junit(const Comparison& comparison, bool allow_ambiguous) {
  Tally tally;
  std::string cases;
  for (const ComparedRow& row : comparison.rows) {
    ++tally.tests;
    const std::string name = row.judgement.metric.empty() ? "cell" : row.judgement.metric;
    cases += fmt::format(
        "  <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n",
        escaped(fmt::format("{}.{}.{}.{}", row.model, row.profile, row.suite, row.method)),
        escaped(name), outcome_of(row, allow_ambiguous, tally));
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"assay: {} against {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
      "skipped=\"{}\">\n{}</testsuite>\n",
      escaped(comparison.candidate), escaped(comparison.base), tally.tests, tally.failures,
      tally.errors, tally.skipped, cases);
}

}  // namespace assay
