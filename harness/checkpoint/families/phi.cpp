// Phi-1, Phi-1.5 and Phi-2: parallel residual with one norm, partial rotary positions, a head with
// a bias.

#include <algorithm>

#include "harness/checkpoint/family.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"num_hidden_layers", &ModelSpec::layers, {}},
    {"hidden_size", &ModelSpec::width, {}},
    {"num_attention_heads", &LayerShape::heads, {}},
    {"intermediate_size", &LayerShape::ffn_width, {}},
    {"vocab_size", &ModelSpec::vocab, {}},
    {"max_position_embeddings", &ModelSpec::max_positions, 2048},
    {"layer_norm_eps", &ModelSpec::norm_eps, 1e-5},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.shape.kv_heads = config.count("num_key_value_heads", spec.shape.heads);
  spec.shape.head_dim =
      config.count("head_dim", std::max<std::int64_t>(spec.width / spec.shape.heads, 1));
  config.require_flag("tie_word_embeddings", false);
  config.require_flag("qk_layernorm", false);
  require_full_attention(config, spec);
  spec.activation = config.activation("hidden_act", "gelu_new");
  spec.parallel_residual = spec.shared_norm = true;
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  spec.head_bias = true;
  read_rope(config, spec, {.default_fraction = 0.5, .partial = true});
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec&) {
  return {
      {"embed_tokens", Slot::kEmbedding},
      {"layers.{}.input_layernorm", Slot::kAttentionNorm, true},
      {"layers.{}.self_attn.q_proj", Slot::kQ, true},
      {"layers.{}.self_attn.k_proj", Slot::kK, true},
      {"layers.{}.self_attn.v_proj", Slot::kV, true},
      {"layers.{}.self_attn.dense", Slot::kO, true},
      {"layers.{}.mlp.fc1", Slot::kUp, true},
      {"layers.{}.mlp.fc2", Slot::kDown, true},
      {"final_layernorm", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, true},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = kKeys;
  keys.push_back({"num_key_value_heads", &LayerShape::kv_heads, {}});
  keys.push_back({"head_dim", &LayerShape::head_dim, {}});
  return keys;
}

}  // namespace

Family family_phi() {
  return {{"phi",
           "Phi-1, Phi-1.5, Phi-2: parallel residual, partial rotary positions, tanh GELU",
           {"phi"}},
          read_spec,
          tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
