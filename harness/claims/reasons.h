#pragma once
// Why a published value and a measured one are not the same question.

#include <map>
#include <string>
#include <vector>

#include "harness/claims/claims.h"
#include "harness/claims/measured.h"

namespace assay {

/// One reason: a stable code for programs, words for people.
struct ClaimReason {
  std::string code, text;
};
using Reasons = std::vector<ClaimReason>;

/// What the judging knows besides claims and measurements.
struct MethodKnowledge {
  /// Parameters with their defaults, of every method that assay has.
  std::map<std::string, Json> defaults;
  [[nodiscard]] bool has(const std::string& method) const { return defaults.contains(method); }
};
MethodKnowledge method_knowledge(const Catalogue& catalogue);

/// Reasons that no measurement can remove: the claim has no value, its method or metric is not in
/// assay, its baseline is not the dense model, it is another machine's absolute time, ...
Reasons standing_reasons(const ClaimSet& claims, const Claim& claim,
                         const MethodKnowledge& methods);

/// In what a measured cell differs from what the claim is about.
Reasons differences(const ClaimSet& claims, const ClaimOf& claim, const Measured& measured,
                    const MethodKnowledge& methods);

/// How far away a measurement is: the sum over its differences. 0: the same question.
int distance(const Reasons& reasons);

/// True when a folder name of an experiment means the paper's model: case, '-', '_', spaces and a
/// final "-hf" do not matter, nor do folders before the name.
bool same_model(const Paper& paper, const Claim& claim, const std::string& measured);

}  // namespace assay
