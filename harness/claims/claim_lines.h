#pragma once
// Parts of lines that the renderings share. Internal to harness/claims.

#include <map>
#include <string>
#include <vector>

#include "harness/claims/render_claims.h"

namespace assay {

/// The judgements to write: those shown, or all.
std::vector<const ClaimJudgement*> written(const Reproduction& reproduction);

/// "14.89 ppl", "<4.5 h", "negligible", "-".
std::string claimed_text(const Claim& claim);
/// "60.85"; "-" without a value.
std::string here_text(const ClaimJudgement& judgement);
/// "smollm2-135m, news-ppl, wanda sparsity=0.5, cpu" of the nearest measurement; "" without.
std::string nearest_text(const ClaimJudgement& judgement);
/// The reasons, joined.
std::string because_text(const ClaimJudgement& judgement);

/// How many judgements of each grade are not written.
std::map<std::string, int> hidden_counts(const Reproduction& reproduction);

/// Sentences under the table: counts by verdict, what is hidden, what was read.
std::vector<std::string> summary_lines(const Reproduction& reproduction);

/// Titles of the papers behind the claims, with their notes.
std::vector<std::string> heading_lines(const Reproduction& reproduction);

}  // namespace assay
