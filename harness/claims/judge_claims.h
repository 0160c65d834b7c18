#pragma once
// Claimed against measured: for each published value a verdict, or why there is none.

#include <optional>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/claims/reasons.h"

namespace assay {

enum class ClaimVerdict { kReproduced, kNotReproduced, kNotComparable };
std::string verdict_name(ClaimVerdict verdict);

struct ClaimJudgement {
  ClaimOf of;
  ClaimVerdict verdict = ClaimVerdict::kNotComparable;
  Reasons reasons;  ///< why not comparable; otherwise what the verdict rests on
  std::optional<Measured> nearest;
  std::string nearest_label;   ///< its method with what is not at its default
  std::optional<double> here;  ///< the nearest value, in the claim's unit
  std::optional<double> band;  ///< allowed distance, in the claim's unit
  /// True for what may be shown as a claim: graded verified or secondary.
  [[nodiscard]] bool shown() const;
};

/// One judgement a claim, in order. A comparable value was measured on the same model, data and
/// convention with the same method, setting and regime, and its dense twin came out as published.
std::vector<ClaimJudgement> judge_claims(const ClaimSet& claims, const std::vector<ClaimOf>& asked,
                                         const std::vector<Measured>& measured,
                                         const MethodKnowledge& methods);

/// kWorse when a verified claim was not reproduced, kNotMeasured when nothing was comparable.
ExitCode exit_code_of(const std::vector<ClaimJudgement>& judgements);

/// A value of the database in the claim's unit; nullopt where the cell lacks it (a ratio without a
/// twin).
std::optional<double> in_claims_unit(const ClaimMetric& metric, const Claim& claim,
                                     const ResultRow& row);

/// Distance that is allowed at `value`, in the claim's unit; the first tolerance that fits.
std::optional<double> allowed_distance(const ClaimSet& claims, const Claim& claim, double value,
                                       bool other_seed);

/// Whether a measured value, in the claim's unit, is what was published. `distance` gives the
/// allowed distance at an end of a published range; bounds have none.
bool agrees(const PublishedValue& published, double here, const ClaimSet& claims,
            const Claim& claim, bool other_seed);

}  // namespace assay
