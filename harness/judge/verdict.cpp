#include "harness/judge/verdict.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {

std::string verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return "better";
    case Verdict::kSame:
      return "same";
    case Verdict::kNotWorse:
      return "not worse";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kAmbiguous:
      return "ambiguous";
    case Verdict::kNotMeasured:
      break;
  }
  return "not measured";
}

double floor_of(const Rules& rules) { return rules.noise_floor.value_or(kSharedFloor); }

double time_limit(const Rules& rules) {
  return std::max(rules.time_threshold, rules.floor_factor * floor_of(rules));
}

double time_margin(const Rules& rules) { return std::min(time_limit(rules), 2 * floor_of(rules)); }

Judgement& because(Judgement& judgement, const std::string& code, const std::string& text) {
  judgement.reasons.push_back({code, text});
  return judgement;
}

bool has_reason(const Judgement& judgement, const std::string& code) {
  return std::any_of(judgement.reasons.begin(), judgement.reasons.end(),
                     [&](const Reason& reason) { return reason.code == code; });
}

void call_identical(Judgement& judgement, bool difference) {
  judgement.verdict = Verdict::kSame;
  judgement.difference = difference;
  judgement.effect = difference ? 0 : 1;
  because(judgement, "identical", "");
}

void decide(Judgement& judgement, const Finding& finding) {
  judgement.verdict = Verdict::kAmbiguous;
  const bool beyond = finding.cost > finding.limit || finding.cost < -finding.limit_better;
  const double p = finding.cost > 0 ? finding.p_worse : finding.p_better;
  if (beyond && p < finding.alpha) {
    judgement.verdict = finding.cost > 0 ? Verdict::kWorse : Verdict::kBetter;
  } else if (finding.lo >= -finding.margin_better && finding.hi <= finding.margin) {
    judgement.verdict = Verdict::kSame;
  } else if (p < finding.alpha) {
    if (finding.hi <= finding.limit) judgement.verdict = Verdict::kNotWorse;
    because(judgement, "below_threshold", "a difference is there, but not beyond what is allowed");
  } else if (finding.hi <= finding.limit) {
    judgement.verdict = Verdict::kNotWorse;
    because(
        judgement, "within_limit",
        "the interval is too wide to call it the same, and rules out more cost than is allowed");
  } else {
    because(judgement, "not_significant",
            "the interval is too wide to call it the same, and chance explains it");
  }
}

}  // namespace assay
