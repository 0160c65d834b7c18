// LLaMA and its kin: RMS norm, rotary positions, gated FFN, grouped-query attention.

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"num_hidden_layers", &ModelSpec::layers, {}},
    {"hidden_size", &ModelSpec::width, {}},
    {"num_attention_heads", &ModelSpec::heads, {}},
    {"intermediate_size", &ModelSpec::ffn_width, {}},
    {"vocab_size", &ModelSpec::vocab, {}},
    {"max_position_embeddings", &ModelSpec::max_positions, 2048},
    {"rms_norm_eps", &ModelSpec::norm_eps, 1e-6},
    {"tie_word_embeddings", &ModelSpec::tied_head, false},
    {"mlp_bias", &ModelSpec::ffn_bias, false},
};

// Window of the attention: Mistral has one unless the key says null; Qwen2 only when switched on,
// and then in some of its layers only.
void read_window(ConfigReader& config, ModelSpec& spec, const std::string& type) {
  if (type == "mistral") {
    spec.sliding_window = config.count("sliding_window", config.names("sliding_window") ? 0 : 4096);
  }
  if (type != "qwen2" || !config.flag("use_sliding_window", false)) return;
  if (config.count("max_window_layers", 28) < spec.layers) {
    config.problem("use_sliding_window", "true with max_window_layers below the number of layers",
                   "false, or max_window_layers >= num_hidden_layers");
  }
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  const std::string type = config.text("model_type", "llama");
  spec.norm = NormKind::kRmsNorm;
  spec.ffn_gated = true;
  spec.kv_heads = config.count("num_key_value_heads", spec.heads);
  spec.head_dim = config.count("head_dim", spec.width / spec.heads);
  spec.activation = config.activation("hidden_act", "silu");
  spec.qkv_bias = type == "qwen2" || config.flag("attention_bias", false);
  spec.attention_out_bias = type == "llama" && spec.qkv_bias;
  config.rope(spec, 10000.0, 1.0);
  read_window(config, spec, type);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"embed_tokens", Slot::kEmbedding},
      {"layers.{}.input_layernorm", Slot::kAttentionNorm},
      {"layers.{}.self_attn.q_proj", Slot::kQ, spec.qkv_bias},
      {"layers.{}.self_attn.k_proj", Slot::kK, spec.qkv_bias},
      {"layers.{}.self_attn.v_proj", Slot::kV, spec.qkv_bias},
      {"layers.{}.self_attn.o_proj", Slot::kO, spec.attention_out_bias},
      {"layers.{}.post_attention_layernorm", Slot::kFfnNorm},
      {"layers.{}.mlp.gate_proj", Slot::kGate, spec.ffn_bias},
      {"layers.{}.mlp.up_proj", Slot::kUp, spec.ffn_bias},
      {"layers.{}.mlp.down_proj", Slot::kDown, spec.ffn_bias},
      {"norm", Slot::kFinalNorm},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

}  // namespace

Family family_llama() {
  return {{"llama",
           "LLaMA 1 to 3, Mistral, Qwen2: RMS norm, rotary positions, gated FFN, grouped queries",
           {"llama", "mistral", "qwen2"}},
          read_spec,
          tensors,
          {"model.", ""}};
}

}  // namespace assay
