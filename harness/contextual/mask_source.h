#pragma once
// From which token of a text the choice of heads and neurons for a row is made.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "harness/model/step.h"

namespace assay {

enum class MaskSource {
  kPerToken,    ///< each row's own: causal
  kPromptLast,  ///< a prompt's last token, for all that follows it; the prompt runs whole
  /// The last token of the whole text, for all of it, as ShadowLLM's released evaluation has it.
  /// Rows see what comes after them: it scores, and cannot decode.
  kWindowLast,
};
/// "per_token", "prompt_last", "window_last", in the enumeration's order.
const std::vector<std::string>& mask_source_names();
MaskSource mask_source_from_name(const std::string& name);

/// bool [rows, units] from what `found` gives for each row alone (bool [rows, units]), which is
/// called only where a choice is to be made. `block` tells blocks of one pass apart; what a prompt
/// chose is kept in the sequence's state.
///
/// Throws DoesNotApply where the pass does not say what its prompt is (kPromptLast), where a token
/// is decoded or a tree of answers scored (kWindowLast), and for a block that is run alone.
at::Tensor masks_by_source(MaskSource source, const void* block, const StepContext& step,
                           std::int64_t units, const std::function<at::Tensor()>& found);

}  // namespace assay
