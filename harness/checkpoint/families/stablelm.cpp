// StableLM 3B, 1.6B, 2 and Zephyr: layer norm, partial rotary positions, gated FFN; the 3B-4e1t and
// 12B kinds differ in their residual and in norms of heads.

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
    {"layer_norm_eps", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, false},
    {"use_qkv_bias", &ModelSpec::qkv_bias, false},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.shape.kv_heads = config.count("num_key_value_heads", 32);
  spec.shape.head_dim = spec.width / spec.shape.heads;
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  config.require_flag("qk_layernorm", false);
  require_full_attention(config, spec);
  spec.activation = config.activation("hidden_act", "silu");
  spec.ffn_gated = true;
  spec.parallel_residual = spec.shared_norm = config.flag("use_parallel_residual", false);
  read_rope(config, spec, {.default_fraction = 0.25, .partial = true});
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  constexpr auto kPlain = TensorLayout::kPlain;
  return {
      {"embed_tokens", Slot::kEmbedding},
      {"layers.{}.input_layernorm", Slot::kAttentionNorm, true},
      {"layers.{}.self_attn.q_proj", Slot::kQ, spec.qkv_bias},
      {"layers.{}.self_attn.k_proj", Slot::kK, spec.qkv_bias},
      {"layers.{}.self_attn.v_proj", Slot::kV, spec.qkv_bias},
      {"layers.{}.self_attn.o_proj", Slot::kO},
      {"layers.{}.post_attention_layernorm", Slot::kFfnNorm, true, kPlain, !spec.shared_norm},
      {"layers.{}.mlp.gate_proj", Slot::kGate},
      {"layers.{}.mlp.up_proj", Slot::kUp},
      {"layers.{}.mlp.down_proj", Slot::kDown},
      {"norm", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = kKeys;
  keys.push_back({"num_key_value_heads", &LayerShape::kv_heads, {}});
  return keys;
}

}  // namespace

Family family_stablelm() {
  return {{"stablelm",
           "StableLM: layer norm, partial rotary positions, gated FFN, parallel residual or not",
           {"stablelm"}},
          read_spec,
          tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
