#include "harness/claims/claim_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/text.h"
#include "reports/numbers.h"

namespace assay {
namespace {

std::string counts_text(const std::map<std::string, int>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(fmt::format("{} {}", count, name));
  return join(parts, ", ");
}

}  // namespace

std::vector<const ClaimJudgement*> written(const Reproduction& reproduction) {
  std::vector<const ClaimJudgement*> found;
  for (const ClaimJudgement& judgement : reproduction.judgements) {
    if (reproduction.all || judgement.shown()) found.push_back(&judgement);
  }
  return found;
}

std::string claimed_text(const Claim& claim) {
  const std::string value = claim.value.printed();
  if (value.empty()) return "-";
  const bool bare = claim.unit.empty() || claim.unit == "fraction" ||
                    claim.value.kind == PublishedValue::Kind::kText;
  return bare ? value : value + " " + claim.unit;
}

std::string here_text(const ClaimJudgement& judgement) {
  return judgement.here ? number_text(*judgement.here) : "-";
}

std::string nearest_text(const ClaimJudgement& judgement) {
  if (!judgement.nearest) return "";
  const Measured& measured = *judgement.nearest;
  std::string text =
      fmt::format("{}, {}, {}", measured.row.model, measured.row.suite, judgement.nearest_label);
  if (measured.row.seed != 0) text += fmt::format(", seed {}", measured.row.seed);
  return text;
}

std::string because_text(const ClaimJudgement& judgement) {
  std::vector<std::string> parts;
  for (const ClaimReason& reason : judgement.reasons) parts.push_back(reason.text);
  return join(parts, "; ");
}

std::map<std::string, int> hidden_counts(const Reproduction& reproduction) {
  std::map<std::string, int> counts;
  if (reproduction.all) return counts;
  for (const ClaimJudgement& judgement : reproduction.judgements) {
    if (!judgement.shown()) ++counts[grade_name(judgement.of.claim->grade)];
  }
  return counts;
}

std::vector<std::string> summary_lines(const Reproduction& reproduction) {
  std::map<std::string, int> verdicts, reasons;
  for (const ClaimJudgement* judgement : written(reproduction)) {
    ++verdicts[verdict_name(judgement->verdict)];
    if (judgement->verdict != ClaimVerdict::kNotComparable) continue;
    for (const ClaimReason& reason : judgement->reasons) ++reasons[reason.code];
  }
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{} claims: {}.", written(reproduction).size(),
                              verdicts.empty() ? "none" : counts_text(verdicts)));
  if (!reasons.empty()) {
    lines.push_back("Not comparable because (a claim may have several): " + counts_text(reasons) +
                    ".");
  }
  const std::map<std::string, int> hidden = hidden_counts(reproduction);
  if (!hidden.empty()) {
    lines.push_back(fmt::format("Kept but no claims, and not shown: {} (--all lists them).",
                                counts_text(hidden)));
  }
  lines.push_back(reproduction.databases.empty()
                      ? "No database was read: nothing is measured yet."
                      : "Read: " + join(reproduction.databases, ", ") + ".");
  return lines;
}

std::vector<std::string> heading_lines(const Reproduction& reproduction) {
  std::vector<std::string> lines;
  std::set<std::string> said;
  for (const ClaimJudgement* judgement : written(reproduction)) {
    const Paper& paper = *judgement->of.paper;
    if (!said.insert(paper.name).second) continue;
    lines.push_back(fmt::format("{}: {} ({})", paper.name, paper.title, paper.reference));
    if (!paper.note.empty()) lines.push_back("  " + paper.note + ".");
  }
  return lines;
}

}  // namespace assay
