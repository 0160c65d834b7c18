#pragma once
// The fingerprint: what a model answers to a fixed question.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <utility>

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// What blocks decided in the probe's whole pass, by layer and site: bool [batch, tokens, choices];
/// of packed sequences batch is 1.
using ProbeDecisions = std::map<std::pair<std::int64_t, RoutingSite>, at::Tensor>;

struct PassProbe {
  Fingerprint fingerprint;
  ProbeDecisions decisions;
};

/// The probe once more, on another path or under noise, with the decisions of the first pass.
struct SettledProbe {
  Fingerprint fingerprint;
  /// Share of all decisions that would have been taken otherwise, before they were settled.
  double changed_decisions = 0;
};

/// Scores of a fixed probe batch, 32 of each sequence (fewer where there are fewer), evenly spread.
/// Through one whole pass. Of a decoder: what follows 2 sequences of 16 tokens (fewer when the
/// model sees fewer). Of an encoder: the scores of 2 sequences of 16 and 11 tokens, packed; those
/// of their last tokens where its output reads tokens. Throws NonFiniteValue when one of them is
/// NaN or infinite.
PassProbe probe_pass(Model& model);

/// The second way that a model can be computed: the path that decoding takes, or, of an encoder,
/// each sequence in a pass of its own; of one that mixes sequences, the batch once more.
struct OtherPath {
  const char* name;  ///< "decoding step by step"
  SettledProbe (*probe)(Model& model, const ProbeDecisions& decisions);
};
OtherPath other_path(const Model& model);

/// The probe of an encoder, one sequence after the other. Decisions are settled as in
/// probe_decode().
SettledProbe probe_one_by_one(Model& model, const ProbeDecisions& decisions);

/// The probe of a decoder through the path that decoding takes: prefill of all but the last token
/// into a cache, then one step. Token by token where a prompt is computed by a policy of its own.
///
/// Blocks that decide do as the pass did, so that the logits can be held to the same tolerance as
/// those of any other model; how often they would have decided otherwise is counted. Rounding alone
/// changes few decisions, another model or a cheat many.
SettledProbe probe_decode(Model& model, const ProbeDecisions& decisions);

/// The same through a whole pass like the first one.
SettledProbe probe_pass_again(Model& model, const ProbeDecisions& decisions);

}  // namespace assay
