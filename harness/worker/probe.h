#pragma once
// The fingerprint: what a model answers to a fixed question.

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Logits after the last token of a fixed probe batch (2 sequences of 16 tokens, fewer when the
/// model sees fewer) at 32 vocabulary entries each, evenly spread. Through one whole pass.
/// Throws NonFiniteResult when one of them is NaN or infinite.
Fingerprint fingerprint_of_pass(const Model& model);

/// The same through the path that decoding takes: prefill of all but the last token into a cache,
/// then one step. Token by token where a prompt is computed by a policy of its own.
Fingerprint fingerprint_of_decode(const Model& model);

}  // namespace assay
