#include "harness/claims/judge_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "harness/base/dense_method.h"

namespace assay {
namespace {

constexpr const char* kBelow = "evidence_below_verified";

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// "wanda sparsity=0.5", "ria pattern=2:4 permute=lsa": sparsity or pattern, and what is not at its
/// default.
std::string label_of(const Measured& measured, const MethodKnowledge& methods) {
  const auto known = methods.defaults.find(measured.row.method);
  const Json defaults = known == methods.defaults.end() ? Json::object() : known->second;
  const bool pattern = measured.params.value("pattern", "unstructured") != "unstructured";
  std::string text = measured.row.method;
  for (const auto& [name, value] : measured.params.items()) {
    if (name == "sparsity" ? pattern : value == defaults.value(name, Json())) continue;
    text += fmt::format(" {}={}", name, text_of(value));
  }
  return text;
}

class Judge {
 public:
  Judge(const ClaimSet& claims, const std::vector<Measured>& measured,
        const MethodKnowledge& methods)
      : claims_(claims), methods_(methods) {
    for (const Measured& one : measured) {
      if (one.row.metric.empty()) {
        failed_.push_back(&one);
      } else {
        by_tag_[one.row.metric].push_back(&one);
      }
    }
  }

  [[nodiscard]] ClaimJudgement judge(const ClaimOf& of) const {
    ClaimJudgement judgement;
    judgement.of = of;
    judgement.reasons = standing_reasons(claims_, *of.claim, methods_);
    find_nearest(judgement);
    if (judgement.reasons.empty()) check_dense(judgement);
    const bool comparable = judgement.reasons.empty();
    if (comparable) compare(judgement);
    if (!comparable && of.claim->grade == Grade::kSecondary) {
      judgement.reasons.push_back({kBelow, "evidence below verified (secondary)"});
    }
    return judgement;
  }

 private:
  /// Cells that show the claim's kind of metric, or would if they had not failed.
  [[nodiscard]] std::vector<const Measured*> of_kind(const ClaimMetric& metric) const {
    std::vector<const Measured*> found;
    const auto shown = by_tag_.find(metric.tag);
    if (metric.tag.empty()) return found;
    if (shown != by_tag_.end()) found = shown->second;
    for (const Measured* failed : failed_) {
      if (!metric.suite.empty() && failed->row.suite == metric.suite) found.push_back(failed);
    }
    return found;
  }

  /// Its own method; where the setting is known also the others that the paper compares with, but
  /// dense only beside dense.
  static std::set<std::string> family(const ClaimOf& of) {
    std::set<std::string> methods{of.claim->method};
    if (of.claim->method == kDense || !of.claim->params) return methods;
    for (const Claim& other : of.paper->claims) {
      if (other.method != kDense) methods.insert(other.method);
    }
    return methods;
  }

  void find_nearest(ClaimJudgement& judgement) const {
    const ClaimMetric* metric = claims_.metric_of(*judgement.of.claim);
    if (metric == nullptr) return;
    const std::set<std::string> methods = family(judgement.of);
    const Measured* nearest = nullptr;
    Reasons why;
    std::tuple<int, std::int64_t> least;
    for (const Measured* candidate : of_kind(*metric)) {
      if (!methods.contains(candidate->row.method)) continue;
      Reasons found = differences(claims_, judgement.of, *candidate, methods_);
      const std::tuple<int, std::int64_t> place{distance(found), candidate->row.seed};
      if (nearest != nullptr && place >= least) continue;
      nearest = candidate;
      why = std::move(found);
      least = place;
    }
    take_nearest(judgement, *metric, nearest, why);
  }

  void take_nearest(ClaimJudgement& judgement, const ClaimMetric& metric, const Measured* nearest,
                    const Reasons& why) const {
    if (nearest == nullptr) {
      if (judgement.reasons.empty()) {
        judgement.reasons.push_back({"nothing_measured", "nothing measured"});
      }
      return;
    }
    judgement.nearest = *nearest;
    judgement.nearest_label = label_of(*nearest, methods_);
    judgement.here = in_claims_unit(metric, *judgement.of.claim, nearest->row);
    const std::set<std::string> said = codes(judgement.reasons);
    for (const ClaimReason& reason : why) {
      if (!said.contains(reason.code)) judgement.reasons.push_back(reason);
    }
  }

  static std::set<std::string> codes(const Reasons& reasons) {
    std::set<std::string> found;
    for (const ClaimReason& reason : reasons) found.insert(reason.code);
    return found;
  }

  /// The published dense value of the same question: verified before secondary, the claim's own
  /// paper before others.
  [[nodiscard]] const Claim* dense_claim(const ClaimOf& of) const {
    const Claim* best = nullptr;
    std::pair<Grade, bool> best_place;
    for (const Paper& paper : claims_.papers) {
      for (const Claim& other : paper.claims) {
        if (!is_dense_of(paper, other, *of.claim)) continue;
        const std::pair<Grade, bool> place{other.grade, &paper != of.paper};
        if (best != nullptr && place >= best_place) continue;
        best = &other;
        best_place = place;
      }
    }
    return best;
  }

  [[nodiscard]] bool is_dense_of(const Paper& paper, const Claim& dense, const Claim& claim) const {
    const bool known = dense.grade == Grade::kVerified || dense.grade == Grade::kSecondary;
    return known && dense.method == kDense && dense.metric == claim.metric &&
           dense.dataset == claim.dataset && dense.shots == claim.shots && !dense.informational &&
           dense.value.kind == PublishedValue::Kind::kNumber &&
           same_model(paper, dense, claim.model);
  }

  void check_dense(ClaimJudgement& judgement) const {
    const Claim& claim = *judgement.of.claim;
    const ClaimMetric& metric = *claims_.metric_of(claim);
    const bool scored =
        metric.kind == MetricKind::kPerplexity || metric.kind == MetricKind::kAccuracy;
    const Claim* dense = scored && claim.method != kDense ? dense_claim(judgement.of) : nullptr;
    if (dense == nullptr) return;
    ResultRow twin = judgement.nearest->row;
    twin.value = twin.twin_value;
    const std::optional<double> here = in_claims_unit(metric, *dense, twin);
    if (!here) {
      judgement.reasons.push_back({"dense_not_measured", "its dense model was not measured"});
    } else if (!agrees(dense->value, *here, claims_, *dense, false)) {
      judgement.reasons.push_back(
          {"dense_differs", fmt::format("dense differs ({:.6g} here, {} published: {})", *here,
                                        dense->value.printed(), dense->id)});
    }
  }

  void compare(ClaimJudgement& judgement) const {
    const Claim& claim = *judgement.of.claim;
    if (!judgement.here) {
      judgement.reasons.push_back({"nothing_measured", "nothing measured"});
      return;
    }
    const bool other_seed =
        !judgement.nearest->calibration.is_null() && judgement.nearest->row.seed != 0;
    judgement.band = allowed_distance(claims_, claim, claim.value.lo, other_seed);
    const bool good = agrees(claim.value, *judgement.here, claims_, claim, other_seed);
    const std::string found = found_text(judgement, good);
    if (claim.grade != Grade::kVerified) {
      judgement.reasons.push_back({kBelow, fmt::format("evidence below verified ({}); {}",
                                                       grade_name(claim.grade), found)});
      return;
    }
    judgement.verdict = good ? ClaimVerdict::kReproduced : ClaimVerdict::kNotReproduced;
    judgement.reasons.push_back({good ? "agrees" : "differs", found});
  }

  static std::string found_text(const ClaimJudgement& judgement, bool good) {
    const PublishedValue& value = judgement.of.claim->value;
    const std::string word = good ? "agrees" : "differs";
    if (value.kind != PublishedValue::Kind::kNumber) {
      return fmt::format("{}: {:.6g} against {}", word, *judgement.here, value.printed());
    }
    return fmt::format("{} by {:.3g}, allowed {:.3g}", word, std::abs(*judgement.here - value.lo),
                       judgement.band.value_or(0));
  }

  const ClaimSet& claims_;
  const MethodKnowledge& methods_;
  std::map<std::string, std::vector<const Measured*>> by_tag_;
  std::vector<const Measured*> failed_;
};

}  // namespace

std::string verdict_name(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kReproduced:
      return "reproduced";
    case ClaimVerdict::kNotReproduced:
      return "not reproduced";
    case ClaimVerdict::kNotComparable:
      return "not comparable";
  }
  return "";
}

bool ClaimJudgement::shown() const {
  return of.claim->grade == Grade::kVerified || of.claim->grade == Grade::kSecondary;
}

std::vector<ClaimJudgement> judge_claims(const ClaimSet& claims, const std::vector<ClaimOf>& asked,
                                         const std::vector<Measured>& measured,
                                         const MethodKnowledge& methods) {
  const Judge judge(claims, measured, methods);
  std::vector<ClaimJudgement> judgements;
  for (const ClaimOf& of : asked) judgements.push_back(judge.judge(of));
  return judgements;
}

ExitCode exit_code_of(const std::vector<ClaimJudgement>& judgements) {
  const auto any = [&](ClaimVerdict verdict) {
    return std::any_of(judgements.begin(), judgements.end(),
                       [&](const ClaimJudgement& one) { return one.verdict == verdict; });
  };
  if (any(ClaimVerdict::kNotReproduced)) return ExitCode::kWorse;
  return any(ClaimVerdict::kReproduced) ? ExitCode::kOk : ExitCode::kNotMeasured;
}

}  // namespace assay
