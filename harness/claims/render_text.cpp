// For a terminal: groups of rows that ask about the same data and metric.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/colour.h"
#include "harness/base/display.h"
#include "harness/base/text.h"
#include "harness/claims/claim_lines.h"

namespace assay {
namespace {

/// At spaces, each line after `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  const std::string start(indent, ' ');
  const std::size_t room = std::max<std::size_t>(width, indent + 20);
  std::string lines, line = start;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (line.size() > indent && display_width(line) + 1 + display_width(word) > room) {
      lines += line + "\n";
      line = start;
    }
    line += (line.size() > indent ? " " : "") + word;
    at = end + 1;
  }
  return lines + line + "\n";
}

std::string question(const Claim& claim) {
  if (claim.dataset == "-") return claim.metric_name();
  return fmt::format("{} · {}", claim.dataset, claim.metric_name());
}

std::string verdict_word(const ClaimJudgement& judgement, const RenderOptions& options) {
  const std::string word = verdict_name(judgement.verdict);
  if (judgement.verdict == ClaimVerdict::kNotComparable) return word;
  const bool good = judgement.verdict == ClaimVerdict::kReproduced;
  return painted(word, good ? Ink::kGood : Ink::kBad, options.colour);
}

/// Why, and what is nearest: the second line of a row.
std::string explanation(const ClaimJudgement& judgement) {
  std::string text = because_text(judgement);
  const std::string nearest = nearest_text(judgement);
  if (!nearest.empty() && judgement.verdict == ClaimVerdict::kNotComparable) {
    text += ". Nearest: " + nearest;
  } else if (!nearest.empty()) {
    text += " (" + nearest + ")";
  }
  return visible(text);
}

bool explained_alike(const ClaimJudgement& a, const ClaimJudgement& b) {
  return question(*a.of.claim) == question(*b.of.claim) && explanation(a) == explanation(b);
}

using Widths = std::array<std::size_t, 5>;

std::array<std::string, 5> columns(const ClaimJudgement& judgement) {
  const Claim& claim = *judgement.of.claim;
  return {visible(claim.id), visible(claim.model), visible(claim.setting),
          visible(claimed_text(claim)), here_text(judgement)};
}

Widths widths_of(const std::vector<const ClaimJudgement*>& rows) {
  constexpr Widths kMost = {36, 18, 32, 18, 10};
  Widths widths = {5, 5, 7, 7, 4};
  for (const ClaimJudgement* row : rows) {
    const auto texts = columns(*row);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::min(kMost[i], std::max(widths[i], display_width(texts[i])));
    }
  }
  return widths;
}

std::string row_line(const ClaimJudgement& judgement, const Widths& widths,
                     const RenderOptions& options) {
  const auto texts = columns(judgement);
  std::string line = "  ";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::string text = cut(texts[i], widths[i]);
    line += (i < 3 ? pad_right(text, widths[i]) : pad_left(text, widths[i])) + "  ";
  }
  return line + verdict_word(judgement, options) + "\n";
}

}  // namespace

std::string claims_text(const Reproduction& reproduction, const RenderOptions& options) {
  const std::vector<const ClaimJudgement*> rows = written(reproduction);
  const auto width = static_cast<std::size_t>(options.width > 0 ? options.width : kPlainWidth);
  std::string text;
  for (const std::string& line : heading_lines(reproduction))
    text += wrapped(visible(line), 0, width);
  const Widths widths = widths_of(rows);
  std::string asked;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string now = question(*rows[i]->of.claim);
    if (now != asked) text += fmt::format("\n{}\n", visible(now));
    asked = now;
    text += row_line(*rows[i], widths, options);
    // Rows that are explained by the same words share them.
    const bool shared = i + 1 < rows.size() && explained_alike(*rows[i], *rows[i + 1]);
    if (!shared) text += wrapped(explanation(*rows[i]), 6, width);
  }
  text += "\n";
  for (const std::string& line : summary_lines(reproduction)) text += wrapped(line, 0, width);
  return text;
}

std::string papers_text(const ClaimSet& claims, const MethodKnowledge& methods) {
  std::string text = fmt::format("{:<12} {:>8} {:>9} {:>8} {:>7}  {}\n", "paper", "verified",
                                 "secondary", "recalled", "unknown", "what");
  for (const Json& paper : papers_json(claims, methods)) {
    const Json& counts = paper.at("claims");
    const auto name = paper.at("paper").get<std::string>();
    text += fmt::format(
        "{:<12} {:>8} {:>9} {:>8} {:>7}  {} ({}){}\n", name, counts.value("verified", 0),
        counts.value("secondary", 0), counts.value("recalled", 0), counts.value("unknown", 0),
        paper.at("title").get<std::string>(), paper.at("reference").get<std::string>(),
        paper.at("method_here").get<bool>() ? "" : "; its method is not in assay");
  }
  return text;
}

}  // namespace assay
