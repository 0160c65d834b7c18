#pragma once
// A comparison as JSON, Markdown (for a pull request) and JUnit XML (for a CI's test page).

#include <string>

#include "harness/base/json.h"
#include "harness/judge/comparison.h"

namespace assay {

/// See docs/formats/comparison.md. Absent numbers are null.
Json comparison_json(const Comparison& comparison, ExitCode code);

/// A heading line with the outcome, then the rows that need a look, then all of them.
std::string comparison_markdown(const Comparison& comparison, ExitCode code);

/// One test case a row: worse and (unless allowed) ambiguous are failures, what could not be
/// measured is an error, cells that are UNMET on both sides are skipped.
std::string comparison_junit(const Comparison& comparison, bool allow_ambiguous);

/// Columns for a terminal, and a last line with the counts; verdicts in colour where asked for.
std::string comparison_text(const Comparison& comparison, bool colour = false);

/// "+12.3 % [+9.8, +14.0]" or "-3.1 points [-4.2, -2.0]"; "" without an effect.
std::string effect_text(const Judgement& judgement);
/// "ratio of process medians, 12 pairs, signflip_exact greater p = 0.00024" and so on.
std::string evidence_text(const Judgement& judgement);
/// "2 worse, 1 not measured, 5 same".
std::string counts_text(const Comparison& comparison);
/// "candidate: data_altered: differs from the pinned content": a note of a row.
std::string remark_text(const SideRemark& remark);
/// Reasons as one line.
std::string reasons_text(const Judgement& judgement);

}  // namespace assay
