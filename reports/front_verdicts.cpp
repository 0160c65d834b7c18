#include "reports/front_verdicts.h"

#include <utility>

#include "reports/best.h"

namespace assay {
namespace {

/// What a rival leaves in doubt about the candidate; nothing when it is surely no better.
std::optional<Doubt> doubt_of(const Candidate& candidate, const std::vector<Candidate>& all,
                              std::size_t rival, const Evidence& evidence, double confidence) {
  const FrontSide quality = side_of(*all[rival].quality, *candidate.quality, evidence, confidence);
  if (quality == FrontSide::kWorse) return std::nullopt;
  const FrontSide other = side_of(*all[rival].other, *candidate.other, evidence, confidence);
  if (other == FrontSide::kWorse) return std::nullopt;
  if (quality == FrontSide::kEqual && other == FrontSide::kEqual) return std::nullopt;
  return Doubt{rival, quality == FrontSide::kUndecided};
}

FrontVerdict verdict_of(std::size_t index, const std::vector<Candidate>& all,
                        const Evidence& evidence) {
  const double confidence = shared_confidence(all.size() - 1);
  for (std::size_t rival = 0; rival < all.size(); ++rival) {
    if (rival == index) continue;
    const auto doubt = doubt_of(all[index], all, rival, evidence, confidence);
    if (doubt) return {Standing::kUndecided, doubt};
  }
  return {Standing::kOnFront, {}};
}

}  // namespace

FrontSide side_of(const ResultRow& a, const ResultRow& b, const Evidence& evidence,
                  double confidence) {
  if (*a.value == *b.value) return FrontSide::kEqual;
  if (!evidence.apart(a, b, confidence)) return FrontSide::kUndecided;
  return (*a.value > *b.value) == (a.direction > 0) ? FrontSide::kBetter : FrontSide::kWorse;
}

std::vector<FrontVerdict> front_verdicts(const std::vector<Candidate>& candidates,
                                         const Evidence& evidence) {
  std::vector<FrontVerdict> verdicts(candidates.size());
  if (candidates.size() < 2) return verdicts;
  std::vector<std::pair<double, double>> values;
  for (const Candidate& candidate : candidates) {
    values.emplace_back(*candidate.other->value, *candidate.quality->value);
  }
  const Candidate& any = candidates.front();
  for (const std::size_t i : pareto_front(values, any.other->direction, any.quality->direction)) {
    verdicts[i] = verdict_of(i, candidates, evidence);
  }
  return verdicts;
}

}  // namespace assay
