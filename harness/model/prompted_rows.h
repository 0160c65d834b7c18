#pragma once
// Which rows of a pass that scores follow which prompt.

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/model/step.h"

namespace assay {

/// The sequences of a pass that scores, each in rows that lie side by side.
std::vector<Segment> sequences_of(const StepContext& step);

/// int64 row numbers on the step's device, ascending.
struct PromptedRows {
  at::Tensor prompt;     ///< at least one
  at::Tensor following;  ///< those that see this prompt and are no part of it; may be none
};

/// One entry for each prompt of the pass that something follows: in a batch, one for each sequence;
/// in a tree, one for each path of prompt rows from which others branch off. Rows of prompts alone
/// are in no entry. Found once a pass (kept in StepContext::state). Throws DoesNotApply where the
/// pass does not say which rows are of a prompt, and where a row follows none.
const std::vector<PromptedRows>& prompted_rows(const StepContext& step);

}  // namespace assay
