#pragma once
// What Gemma 1 to 3 have in common, and 2 and 3 alone.

#include "harness/checkpoint/config_reader.h"

namespace assay {

/// Norms that multiply by one more than their weight, and embeddings times the root of the width,
/// rounded. Tokens see those before them only: what says otherwise is a problem.
void read_gemma_form(ConfigReader& config, ModelSpec& spec);

/// Gemma 2 and 3: norms before and behind each block, scores divided by the root of
/// `query_pre_attn_scalar`.
void read_gemma2_form(ConfigReader& config, ModelSpec& spec);
/// A cap; 0: none, as null says. `absent`: where there is no such key.
double gemma_cap(ConfigReader& config, const char* key, double absent);
/// Of two keys for the activation transformers reads one; files have both, and they have to agree.
void require_same_activation(ConfigReader& config, const ModelSpec& spec, const char* other);

}  // namespace assay
