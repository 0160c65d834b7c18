// Phi-3, Phi-3.5 and Phi-4: RMS norm, rotary positions (LongRoPE in the long ones), gated FFN; q k
// v and gate up are one matrix each.

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
    {"max_position_embeddings", &ModelSpec::max_positions, 4096},
    {"rms_norm_eps", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, false},
};

// All layers have it, or none.
void read_window(ConfigReader& config, ModelSpec& spec) {
  require_full_attention(config, spec);
  const std::int64_t window = configured_window(config, 0);
  if (window > 0) spec.layer_windows.assign(static_cast<std::size_t>(spec.layers), window);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.norm = NormKind::kRmsNorm;
  spec.ffn_gated = true;
  spec.shape.kv_heads = config.count("num_key_value_heads", spec.shape.heads);
  spec.shape.head_dim = spec.width / spec.shape.heads;
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  spec.activation = config.activation("hidden_act", "silu");
  read_rope(config, spec, {.partial = true, .longrope_only = true, .default_original = 4096});
  read_window(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"embed_tokens", Slot::kEmbedding},
      {"layers.{}.input_layernorm", Slot::kAttentionNorm},
      {"layers.{}.self_attn.qkv_proj", {Slot::kQ, Slot::kK, Slot::kV}},
      {"layers.{}.self_attn.o_proj", Slot::kO},
      {"layers.{}.post_attention_layernorm", Slot::kFfnNorm},
      {"layers.{}.mlp.gate_up_proj", {Slot::kGate, Slot::kUp}},
      {"layers.{}.mlp.down_proj", Slot::kDown},
      {"norm", Slot::kFinalNorm},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = kKeys;
  keys.push_back({"num_key_value_heads", &LayerShape::kv_heads, {}});
  return keys;
}

std::map<std::string, Json> windows(const ModelSpec& spec) {
  const std::int64_t window = window_of(spec, 0);
  return {{"sliding_window", window > 0 ? Json(window) : Json()}};
}

}  // namespace

Family family_phi3() {
  return {{"phi3",
           "Phi-3, Phi-3.5, Phi-4: RMS norm, rotary positions with LongRoPE, gated FFN",
           {"phi3"}},
          read_spec,
          tensors,
          {"model.", ""},
          {{"attention_bias", "false"},
           {"full_attn_mod", "1"},
           {"interpolate_factor", "1"},
           {"lm_head_bias", "false"},
           {"mlp_bias", "false"}},
          written,
          windows};
}

}  // namespace assay
