// LLaMA and its kin: RMS norm, rotary positions, gated FFN, grouped-query attention.

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
    {"rms_norm_eps", &ModelSpec::norm_eps, 1e-6},
    {"tie_word_embeddings", &ModelSpec::tied_head, false},
};

// What transformers assumes where a key is absent.
struct Defaults {
  std::int64_t max_positions;
  std::int64_t kv_heads;  ///< 0: as many as heads
};

Defaults defaults_of(const std::string& type) {
  if (type == "mistral") return {131072, 8};
  if (type == "qwen2") return {32768, 32};
  return {2048, 0};
}

// LLaMA has none, even where a configuration names one.
void read_no_window(ConfigReader& config, const ModelSpec& spec) {
  require_full_attention(config, spec);
  const bool off = !config.flag("use_sliding_window", true);
  const Json& window = config.at("sliding_window");
  (void)config.at("max_window_layers");
  if (off || window.is_null()) return;
  config.problem("sliding_window", window.dump(),
                 "null; transformers runs no window in models of type llama");
}

// Mistral has one unless the key says null. With `layer_types` it is what transformers calls
// Ministral: some layers have it.
void read_mistral_window(ConfigReader& config, ModelSpec& spec) {
  const std::int64_t window = configured_window(config, 4096);
  if (!config.flag("use_sliding_window", true) && window > 0) {
    config.problem(
        "use_sliding_window", "false beside a sliding_window",
        "true, or sliding_window = null; transformers does not read this key in Mistral");
  }
  read_layer_types(config, spec, window, [&](std::int64_t) { return window > 0; });
}

// Biases are read for LLaMA only; Qwen2 always has them in q, k and v, Mistral never.
void read_biases(ConfigReader& config, ModelSpec& spec, const std::string& type) {
  if (type == "llama") {
    spec.ffn_bias = spec.ffn_out_bias = config.flag("mlp_bias", false);
    spec.qkv_bias = spec.attention_out_bias = config.flag("attention_bias", false);
    return;
  }
  spec.qkv_bias = type == "qwen2";
  config.require_flag("mlp_bias", false);
  config.require_flag("attention_bias", spec.qkv_bias);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  const std::string type = config.text("model_type", "llama");
  const Defaults absent = defaults_of(type);
  const bool null_heads = config.names("num_key_value_heads") || absent.kv_heads == 0;
  spec.max_positions = config.count("max_position_embeddings", absent.max_positions);
  spec.norm = NormKind::kRmsNorm;
  spec.ffn_gated = true;
  spec.shape.kv_heads =
      config.count("num_key_value_heads", null_heads ? spec.shape.heads : absent.kv_heads);
  spec.shape.head_dim =
      config.count("head_dim", std::max<std::int64_t>(spec.width / spec.shape.heads, 1));
  spec.activation = config.activation("hidden_act", "silu");
  read_biases(config, spec, type);
  read_rope(config, spec);
  if (type == "llama") read_no_window(config, spec);
  if (type == "mistral") read_mistral_window(config, spec);
  if (type == "qwen2") read_late_window(config, spec);
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
      {"layers.{}.mlp.down_proj", Slot::kDown, spec.ffn_out_bias},
      {"norm", Slot::kFinalNorm},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

// Biases have keys in LLaMA only.
std::vector<ConfigKey> written(const std::string& type) {
  std::vector<ConfigKey> keys = kKeys;
  keys.push_back({"num_key_value_heads", &LayerShape::kv_heads, {}});
  keys.push_back({"head_dim", &LayerShape::head_dim, {}});
  keys.push_back({"max_position_embeddings", &ModelSpec::max_positions, {}});
  if (type != "llama") return keys;
  keys.push_back({"attention_bias", &ModelSpec::qkv_bias, {}});
  keys.push_back({"attention_bias", &ModelSpec::attention_out_bias, {}});
  keys.push_back({"mlp_bias", &ModelSpec::ffn_bias, {}});
  keys.push_back({"mlp_bias", &ModelSpec::ffn_out_bias, {}});
  return keys;
}

}  // namespace

Family family_llama() {
  return {{"llama",
           "LLaMA 1 to 3, Mistral, Qwen2: RMS norm, rotary positions, gated FFN, grouped queries",
           {"llama", "mistral", "qwen2"}},
          read_spec,
          tensors,
          {"model.", ""},
          {{"max_sequence_length"},
           {"pretraining_tp"},
           {"rope_interleaved", "false"},
           {"use_mrope", "false"}},
          written};
}

}  // namespace assay
