#include "reports/front_verdicts.h"

#include <algorithm>
#include <utility>

#include "reports/best.h"

namespace assay {
namespace {

/// How a rival stands to a candidate in both values.
struct Stand {
  FrontSide quality, other;
};

Stand stand_of(const Candidate& rival, const Candidate& candidate, const Evidence& evidence,
               double confidence) {
  return {side_of(*rival.quality, *candidate.quality, evidence, confidence),
          side_of(*rival.other, *candidate.other, evidence, confidence)};
}

bool surely_no_better(const Stand& rival) {
  return rival.quality == FrontSide::kWorse || rival.other == FrontSide::kWorse ||
         (rival.quality == FrontSide::kEqual && rival.other == FrontSide::kEqual);
}

bool surely_beats(const Stand& rival) {
  return !surely_no_better(rival) && rival.quality != FrontSide::kUndecided &&
         rival.other != FrontSide::kUndecided;
}

FrontVerdict undecided_by(std::size_t rival, const Stand& stand) {
  return {Standing::kUndecided, Doubt{rival, stand.quality == FrontSide::kUndecided}};
}

/// Of a candidate that is on the front by its values.
FrontVerdict verdict_on_front(std::size_t index, const std::vector<Candidate>& all,
                              const Evidence& evidence) {
  const double confidence = shared_confidence(all.size() - 1);
  for (std::size_t rival = 0; rival < all.size(); ++rival) {
    if (rival == index) continue;
    const Stand stand = stand_of(all[rival], all[index], evidence, confidence);
    if (!surely_no_better(stand)) return undecided_by(rival, stand);
  }
  return {Standing::kOnFront, {}};
}

/// Of one that is not: some point of the front has better values. Unless one surely beats it, it is
/// undecided by the first of them that might.
FrontVerdict verdict_behind(std::size_t index, const std::vector<Candidate>& all,
                            const std::vector<std::size_t>& front, const Evidence& evidence) {
  const double confidence = shared_confidence(all.size() - 1);
  FrontVerdict verdict;
  for (const std::size_t rival : front) {
    const Stand stand = stand_of(all[rival], all[index], evidence, confidence);
    if (surely_beats(stand)) return {Standing::kBeaten, {}};
    if (!verdict.doubt && !surely_no_better(stand)) verdict = undecided_by(rival, stand);
  }
  return verdict;
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
  const auto front = pareto_front(values, any.other->direction, any.quality->direction);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    verdicts[i] = std::ranges::find(front, i) != front.end()
                      ? verdict_on_front(i, candidates, evidence)
                      : verdict_behind(i, candidates, front, evidence);
  }
  return verdicts;
}

}  // namespace assay
