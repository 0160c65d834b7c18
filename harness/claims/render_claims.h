#pragma once
// Claimed against measured, written down. Equal input gives equal bytes.

#include <string>
#include <vector>

#include "harness/claims/judge_claims.h"
#include "reports/report.h"

namespace assay {

/// What is written: judgements of one paper or method.
struct Reproduction {
  std::string name;                    ///< as asked for
  std::vector<std::string> databases;  ///< empty: nothing to read
  std::vector<ClaimJudgement> judgements;
  bool all = false;  ///< also recalled and unknown rows, which are no claims
};

/// One block for each run of rows about the same data and metric, for a person at a terminal.
std::string claims_text(const Reproduction& reproduction, const RenderOptions& options);
std::string claims_markdown(const Reproduction& reproduction);
std::string claims_csv(const Reproduction& reproduction);
Json claims_json(const Reproduction& reproduction, ExitCode exit_code);

/// Papers with counts of claims by grade, for people and as JSON.
std::string papers_text(const ClaimSet& claims, const MethodKnowledge& methods);
Json papers_json(const ClaimSet& claims, const MethodKnowledge& methods);

}  // namespace assay
