#include <fmt/format.h>

#include "harness/base/markup.h"
#include "harness/judge/gate.h"
#include "harness/judge/render.h"

namespace assay {
namespace {

struct Tally {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
};

std::string outcome_of(const ComparedRow& row, bool allow_ambiguous, Tally& tally) {
  const Judgement& judgement = row.judgement;
  const std::string message =
      html_escaped(fmt::format("{} {}; {}", verdict_name(judgement.verdict), effect_text(judgement),
                               reasons_text(judgement)));
  std::string details = html_escaped(evidence_text(judgement));
  for (const SideRemark& remark : row.remarks) {
    details += (details.empty() ? "" : "\n") + html_escaped(remark_text(remark));
  }
  if (!row.counts || !row.waived.empty()) {
    ++tally.skipped;
    const std::string waived =
        row.waived.empty() ? "" : html_escaped("waived: " + row.waived + "; ");
    return fmt::format("<skipped message=\"{}{}\">{}</skipped>", waived, message, details);
  }
  if (judgement.verdict == Verdict::kNotMeasured) {
    ++tally.errors;
    return fmt::format("<error type=\"not measured\" message=\"{}\">{}</error>", message, details);
  }
  const bool undecided = hints_at_loss(judgement) && !allow_ambiguous;
  if (judgement.verdict == Verdict::kWorse || undecided) {
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
        html_escaped(fmt::format("{}.{}.{}.{}", row.model, row.profile, row.suite, row.method)),
        html_escaped(name), outcome_of(row, allow_ambiguous, tally));
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"assay: {} against {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
      "skipped=\"{}\">\n{}</testsuite>\n",
      html_escaped(comparison.candidate), html_escaped(comparison.base), tally.tests,
      tally.failures, tally.errors, tally.skipped, cases);
}

}  // namespace assay
