#pragma once
// What families of LLaMA's form have in common: keys, tensor names, and what follows from them.

#include <string>
#include <vector>

#include "harness/checkpoint/config_reader.h"
#include "harness/checkpoint/family.h"

namespace assay {

/// What transformers assumes where a key is absent, and how a model type calls a key.
struct GatedDecoder {
  std::int64_t max_positions = 2048;
  std::int64_t kv_heads = 0;  ///< 0: as many as heads
  std::int64_t head_dim = 0;  ///< 0: the width over the number of heads
  bool tied = false;
  const char* norm_eps = "rms_norm_eps";  ///< null: no key says it
  double eps = 1e-6;
  const char* neurons = "intermediate_size";  ///< of the feed-forward block, or of each expert
  const char* activation = "hidden_act";
  const char* act = "silu";
  bool attention_bias = true;  ///< "attention_bias" says whether q, k, v and o have biases
  bool mlp_bias = false;       ///< "mlp_bias" says it of gate, up and down
};

/// The keys of sizes, norms, the activation, grouped queries and biases into a spec with a gated
/// FFN; not those of positions and windows.
ModelSpec read_gated_decoder(ConfigReader& config, const GatedDecoder& absent);

/// For Family::written.
std::vector<ConfigKey> gated_decoder_keys(const GatedDecoder& absent);

/// "embed_tokens", "layers.{}.self_attn.q_proj", ..., with the norms that the spec says.
std::vector<TensorRule> gated_decoder_tensors(const ModelSpec& spec);

}  // namespace assay
