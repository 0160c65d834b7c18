#include "harness/checkpoint/gated_decoder.h"

#include <algorithm>

namespace assay {
namespace {

constexpr auto kPlain = TensorLayout::kPlain;

/// Those that transformers names alike in all of these families.
std::vector<ConfigKey> plain_keys(const GatedDecoder& absent) {
  std::vector<ConfigKey> keys = {
      {"num_hidden_layers", &ModelSpec::layers, {}},
      {"hidden_size", &ModelSpec::width, {}},
      {"num_attention_heads", &LayerShape::heads, {}},
      {absent.neurons, &LayerShape::ffn_width, {}},
      {"vocab_size", &ModelSpec::vocab, {}},
      {"tie_word_embeddings", &ModelSpec::tied_head, absent.tied ? 1.0 : 0.0},
      {"max_position_embeddings", &ModelSpec::max_positions,
       static_cast<double>(absent.max_positions)},
  };
  if (absent.norm_eps != nullptr) {
    keys.push_back({absent.norm_eps, &ModelSpec::norm_eps, absent.eps});
  }
  return keys;
}

void read_biases(ConfigReader& config, ModelSpec& spec, const GatedDecoder& absent) {
  if (absent.attention_bias) {
    spec.qkv_bias = spec.attention_out_bias = config.flag("attention_bias", false);
  }
  if (absent.mlp_bias) spec.ffn_bias = spec.ffn_out_bias = config.flag("mlp_bias", false);
}

void add_biases(std::vector<ConfigKey>& keys, const GatedDecoder& absent) {
  if (absent.attention_bias) {
    keys.push_back({"attention_bias", &ModelSpec::qkv_bias, {}});
    keys.push_back({"attention_bias", &ModelSpec::attention_out_bias, {}});
  }
  if (absent.mlp_bias) {
    keys.push_back({"mlp_bias", &ModelSpec::ffn_bias, {}});
    keys.push_back({"mlp_bias", &ModelSpec::ffn_out_bias, {}});
  }
}

void add_norms(std::vector<TensorRule>& rules, const ModelSpec& spec) {
  const auto add = [&](const char* name, Slot slot, bool used) {
    rules.push_back({name, slot, spec.norm == NormKind::kLayerNorm && spec.norm_bias, kPlain,
                     used && spec.norm_weights});
  };
  const bool behind = spec.output_norms;
  add("layers.{}.input_layernorm", Slot::kAttentionNorm, spec.input_norms);
  add("layers.{}.post_attention_layernorm", behind ? Slot::kAttentionOutNorm : Slot::kFfnNorm,
      behind || !spec.shared_norm);
  add("layers.{}.pre_feedforward_layernorm", Slot::kFfnNorm, behind && spec.input_norms);
  add("layers.{}.post_feedforward_layernorm", Slot::kFfnOutNorm, behind);
  add("norm", Slot::kFinalNorm, spec.final_norm);
}

}  // namespace

ModelSpec read_gated_decoder(ConfigReader& config, const GatedDecoder& absent) {
  ModelSpec spec;
  config.fill(spec, plain_keys(absent));
  if (absent.norm_eps == nullptr) spec.norm_eps = absent.eps;
  spec.norm = NormKind::kRmsNorm;
  spec.ffn_gated = true;
  // Null stands for as many as heads, whatever stands for a missing key.
  const bool alike = config.names("num_key_value_heads") || absent.kv_heads == 0;
  spec.shape.kv_heads =
      config.count("num_key_value_heads", alike ? spec.shape.heads : absent.kv_heads);
  const bool derived = config.names("head_dim") || absent.head_dim == 0;
  const std::int64_t part = std::max<std::int64_t>(spec.width / spec.shape.heads, 1);
  spec.shape.head_dim = config.count("head_dim", derived ? part : absent.head_dim);
  spec.activation = config.activation(absent.activation, absent.act);
  read_biases(config, spec, absent);
  return spec;
}

std::vector<ConfigKey> gated_decoder_keys(const GatedDecoder& absent) {
  std::vector<ConfigKey> keys = plain_keys(absent);
  keys.push_back({"num_key_value_heads", &LayerShape::kv_heads, {}});
  keys.push_back({"head_dim", &LayerShape::head_dim, {}});
  add_biases(keys, absent);
  return keys;
}

std::vector<TensorRule> gated_decoder_tensors(const ModelSpec& spec) {
  const bool normed = spec.qk_norm != QkNorm::kNone;
  std::vector<TensorRule> rules = {
      {"embed_tokens", Slot::kEmbedding},
      {"layers.{}.self_attn.q_proj", Slot::kQ, spec.qkv_bias},
      {"layers.{}.self_attn.k_proj", Slot::kK, spec.qkv_bias},
      {"layers.{}.self_attn.v_proj", Slot::kV, spec.qkv_bias},
      {"layers.{}.self_attn.q_norm", Slot::kQNorm, false, kPlain, normed},
      {"layers.{}.self_attn.k_norm", Slot::kKNorm, false, kPlain, normed},
      {"layers.{}.self_attn.o_proj", Slot::kO, spec.attention_out_bias},
      {"layers.{}.mlp.gate_proj", Slot::kGate, spec.ffn_bias},
      {"layers.{}.mlp.up_proj", Slot::kUp, spec.ffn_bias},
      {"layers.{}.mlp.down_proj", Slot::kDown, spec.ffn_out_bias},
      {"lm_head", Slot::kHead, false, kPlain, !spec.tied_head},
  };
  add_norms(rules, spec);
  return rules;
}

}  // namespace assay
