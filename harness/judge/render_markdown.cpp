// Text for people: Markdown and the terminal.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "harness/base/colour.h"
#include "harness/base/display.h"
#include "harness/base/markup.h"
#include "harness/base/numbered_notes.h"
#include "harness/base/text.h"
#include "harness/judge/render.h"

namespace assay {
namespace {

using Line = std::vector<std::string>;
const Line kTitles = {"verdict", "model", "suite", "method", "metric", "change", "evidence"};

std::string percent(double share) { return fmt::format("{:+.1f}", 100 * share); }

/// Remarks of all rows, each once and numbered.
class Notes {
 public:
  /// " [1][3]" for a row; "" without remarks.
  std::string marks(const ComparedRow& row) {
    std::string marks;
    for (const SideRemark& remark : row.remarks) {
      marks += fmt::format("[{}]", notes_.of_remark(remark.code, remark_text(remark)));
    }
    return marks.empty() ? "" : " " + marks;
  }
  [[nodiscard]] std::vector<std::string> list() const { return notes_.list(); }

 private:
  NumberedNotes notes_;
};

Line line_of(const ComparedRow& row, Notes& notes) {
  const Judgement& judgement = row.judgement;
  std::string evidence = evidence_text(judgement);
  const std::string reasons = reasons_text(judgement);
  if (!reasons.empty()) evidence += (evidence.empty() ? "" : "; ") + reasons;
  if (!row.waived.empty()) evidence += (evidence.empty() ? "" : "; ") + ("waived: " + row.waived);
  return {verdict_name(judgement.verdict) + (row.waived.empty() ? "" : " (waived)"),
          row.model,
          row.limited ? row.suite + " (part)" : row.suite,
          row.method,
          judgement.metric.empty() ? "-" : judgement.metric,
          effect_text(judgement) + notes.marks(row),
          evidence};
}

std::string table(const std::vector<Line>& lines) {
  std::string text = "|";
  for (const std::string& title : kTitles) text += " " + title + " |";
  text += "\n|";
  for (std::size_t i = 0; i < kTitles.size(); ++i) text += " --- |";
  text += "\n";
  for (const Line& line : lines) {
    text += "|";
    for (const std::string& cell : line) text += " " + markdown_escaped(cell) + " |";
    text += "\n";
  }
  return text;
}

std::string headline(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return "nothing got worse";
    case ExitCode::kWorse:
      return "something got worse";
    case ExitCode::kNotMeasured:
      return "something could not be measured";
    case ExitCode::kAmbiguous:
      return "some differences cannot be decided";
    default:
      return "not finished";
  }
}

std::string rules_text(const Rules& rules) {
  return fmt::format(
      "Allowed: {:.3g} % more time (asked {:.3g} %, noise floor {:.3g} %{}), {:.3g} points of "
      "accuracy, {:.3g} % of other scores, {:.3g} % of sizes. Times: process medians, one-sided p "
      "< "
      "{:g}; items: paired, p < {:g}.",
      100 * time_limit(rules), 100 * rules.time_threshold, 100 * floor_of(rules),
      rules.noise_floor ? "" : ", not measured: a shared machine's is assumed",
      100 * rules.points_threshold, 100 * rules.quality_threshold, 100 * rules.size_threshold,
      rules.alpha, rules.alpha_items);
}

Ink ink_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return Ink::kGood;
    case Verdict::kWorse:
      return Ink::kBad;
    case Verdict::kAmbiguous:
    case Verdict::kNotMeasured:
      return Ink::kBold;
    case Verdict::kSame:
    case Verdict::kNotWorse:
      break;
  }
  return Ink::kPlain;
}

/// A head, then a line a row that begins with its verdict.
std::string with_inks(const std::string& table, const Comparison& comparison, bool colour) {
  std::size_t at = table.find('\n') + 1;
  std::string text = painted(table.substr(0, at - 1), Ink::kBold, colour) + "\n";
  for (const ComparedRow& row : comparison.rows) {
    const Verdict verdict = row.judgement.verdict;
    const std::size_t word = verdict_name(verdict).size();
    const std::size_t end = table.find('\n', at) + 1;
    text += painted(table.substr(at, word), ink_of(verdict), colour);
    text += table.substr(at + word, end - at - word);
    at = end;
  }
  return text;
}

bool worth_a_look(const ComparedRow& row) {
  return row.counts && row.judgement.verdict != Verdict::kSame;
}

}  // namespace

std::string effect_text(const Judgement& judgement) {
  if (!judgement.effect) return "";
  const double shift = judgement.difference ? 0 : 1;
  std::string text = percent(*judgement.effect - shift) + (judgement.difference ? " points" : " %");
  if (judgement.interval) {
    text += fmt::format(" [{}, {}]", percent(judgement.interval->lo - shift),
                        percent(judgement.interval->hi - shift));
  }
  return text;
}

std::string evidence_text(const Judgement& judgement) {
  std::vector<std::string> parts;
  if (judgement.test) {
    const std::string n = judgement.n_a == judgement.n_b
                              ? fmt::format("n = {}", judgement.n_a)
                              : fmt::format("n = {}, {}", judgement.n_a, judgement.n_b);
    parts.push_back(
        fmt::format("{} p = {:.2g}, {}", judgement.test->variant, judgement.test->p, n));
  }
  if (judgement.flips) {
    const Flips& flips = *judgement.flips;
    parts.push_back(fmt::format("{:.1f} % of answers differ ({} lost, {} won{})",
                                100 * flips.rate(), flips.right_to_wrong, flips.wrong_to_right,
                                flips.wrong_to_wrong.value_or(0) > 0
                                    ? fmt::format(", {} wrong both times", *flips.wrong_to_wrong)
                                    : ""));
  }
  if (judgement.mde) {
    parts.push_back(fmt::format("detectable {:.1f} {}", 100 * *judgement.mde,
                                judgement.difference ? "points" : "%"));
  }
  if (judgement.confirmed) parts.emplace_back("confirmed by fresh processes");
  return join(parts, ", ");
}

std::string reasons_text(const Judgement& judgement) {
  std::vector<std::string> parts;
  for (const Reason& reason : judgement.reasons) {
    if (reason.code == "floor_not_measured") continue;  // the line of the rules says so once
    parts.push_back(reason.text.empty() ? reason.code : reason.code + " (" + reason.text + ")");
  }
  return join(parts, "; ");
}

std::string remark_text(const SideRemark& remark) {
  return fmt::format("{}: {}: {}", remark.side, remark.code, remark.text);
}

std::string counts_text(const Comparison& comparison) {
  std::vector<std::string> parts;
  for (const Verdict verdict : {Verdict::kWorse, Verdict::kNotMeasured, Verdict::kAmbiguous,
                                Verdict::kBetter, Verdict::kNotWorse, Verdict::kSame}) {
    const std::size_t count = count_of(comparison, verdict);
    if (count > 0) parts.push_back(fmt::format("{} {}", count, verdict_name(verdict)));
  }
  const std::size_t waived = waived_count(comparison);
  if (waived > 0) parts.push_back(fmt::format("{} waived", waived));
  return parts.empty() ? "nothing to compare" : join(parts, ", ");
}

std::string comparison_markdown(const Comparison& comparison, ExitCode code) {
  std::vector<Line> look, all;
  Notes notes;
  for (const ComparedRow& row : comparison.rows) {
    all.push_back(line_of(row, notes));
    if (worth_a_look(row)) look.push_back(all.back());
  }
  std::string text = fmt::format("## assay: {}\n\n{} against {}: {}.\n", headline(code),
                                 markdown_escaped(comparison.candidate),
                                 markdown_escaped(comparison.base), counts_text(comparison));
  if (!look.empty()) text += "\n" + table(look);
  const std::vector<std::string> list = notes.list();
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += fmt::format("{}- [{}] {}\n", i == 0 ? "\n" : "", i + 1, markdown_escaped(list[i]));
  }
  text += "\n" + rules_text(comparison.rules) + "\n";
  if (all.size() > look.size()) {
    text += fmt::format("\n<details><summary>All {} rows</summary>\n\n{}\n</details>\n", all.size(),
                        table(all));
  }
  return text;
}

std::string comparison_text(const Comparison& comparison, bool colour) {
  std::vector<Line> lines{kTitles};
  Notes notes;
  for (const ComparedRow& row : comparison.rows) {
    lines.push_back(line_of(row, notes));
    for (std::string& cell : lines.back()) cell = visible(cell);
  }
  std::string text = with_inks(columns(lines), comparison, colour);
  const std::vector<std::string> list = notes.list();
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += fmt::format("[{}] {}\n", i + 1, visible(list[i]));
  }
  return text + rules_text(comparison.rules) + "\n" + visible(comparison.candidate) + " against " +
         visible(comparison.base) + ": " + counts_text(comparison) + "\n";
}

}  // namespace assay
