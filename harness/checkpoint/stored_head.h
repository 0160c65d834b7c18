#pragma once
// What the file says about the head, against `tie_word_embeddings`; and tensors that nobody reads.

#include <optional>
#include <vector>

#include "harness/checkpoint/family.h"

namespace assay {

/// When the configuration ties the head and the file holds another one, unties it in `spec` and
/// returns the warning: the file's head counts, as in transformers 5.
std::optional<ModelWarning> settle_head(const Family& family, ModelSpec& spec,
                                        const std::vector<StoredTensor>& tensors);

/// An encoder that is no classifier may have a pooler or none: the file says.
void settle_pooler(const Family& family, ModelSpec& spec, const std::vector<StoredTensor>& tensors);

/// Names the tensors that no binding reads, except a stored copy of a tied head and buffers that
/// hold no weights.
std::optional<ModelWarning> warn_of_unused(const Family& family, const ModelSpec& spec,
                                           const std::vector<StoredTensor>& tensors,
                                           const std::vector<Binding>& bindings);

}  // namespace assay
