// Falcon: 7B (multi-query, one shared norm), 40B (grouped queries, two norms), RW (ALiBi,
// sequential residual, biases).

#include <cmath>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
    {"max_position_embeddings", &ModelSpec::max_positions, 2048},
    {"parallel_attn", &ModelSpec::parallel_residual, true},
    {"bias", &ModelSpec::qkv_bias, false},
    {"bias", &ModelSpec::attention_out_bias, false},
    {"bias", &ModelSpec::ffn_bias, false},
};

std::int64_t either(ConfigReader& config, const char* name, const char* other) {
  return config.count(config.has(name) ? name : other, {});
}

// Which of the three layers this is.
void read_layer(ConfigReader& config, ModelSpec& spec) {
  const bool grouped = config.flag("new_decoder_architecture", false);
  const bool multi_query = config.flag("multi_query", true);
  if (grouped) {
    if (!spec.parallel_residual) {
      config.problem("parallel_attn", "false with new_decoder_architecture", "true");
    }
    spec.kv_heads = config.count("num_kv_heads", spec.heads);
    spec.shared_norm = config.count("num_ln_in_parallel_attn", 2) == 1;
    return;
  }
  spec.kv_heads = multi_query ? 1 : spec.heads;
  spec.shared_norm = spec.parallel_residual;
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.layers = either(config, "num_hidden_layers", "n_layer");
  spec.heads = either(config, "num_attention_heads", "n_head");
  spec.width = either(config, "n_embed", "hidden_size");
  spec.head_dim = spec.width / spec.heads;
  spec.ffn_width = config.count("ffn_hidden_size", 4 * spec.width);
  spec.activation = config.activation("activation", "gelu");
  read_layer(config, spec);
  if (config.flag("alibi", false)) {
    spec.positions = PositionKind::kAlibi;
    spec.alibi_scale = 1.0 / std::sqrt(static_cast<double>(spec.head_dim));
    spec.alibi_rounded = true;
  } else {
    config.rope(spec, 10000.0, 1.0);
  }
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  constexpr auto kPlain = TensorLayout::kPlain;
  const bool two_norms = spec.parallel_residual && !spec.shared_norm;
  return {
      {"word_embeddings", Slot::kEmbedding},
      {"h.{}.input_layernorm", Slot::kAttentionNorm, true, kPlain, !two_norms},
      {"h.{}.post_attention_layernorm", Slot::kFfnNorm, true, kPlain, !spec.parallel_residual},
      {"h.{}.ln_attn", Slot::kAttentionNorm, true, kPlain, two_norms},
      {"h.{}.ln_mlp", Slot::kFfnNorm, true, kPlain, two_norms},
      {"h.{}.self_attention.query_key_value", Slot::kQkv, spec.qkv_bias, TensorLayout::kGrouped},
      {"h.{}.self_attention.dense", Slot::kO, spec.attention_out_bias},
      {"h.{}.mlp.dense_h_to_4h", Slot::kUp, spec.ffn_bias},
      {"h.{}.mlp.dense_4h_to_h", Slot::kDown, spec.ffn_bias},
      {"ln_f", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, kPlain, !spec.tied_head},
  };
}

}  // namespace

Family family_falcon() {
  return {{"falcon",
           "Falcon 7B, 40B and RW: multi-query or grouped attention, parallel residual or ALiBi",
           {"falcon"}},
          read_spec,
          tensors,
          {"transformer.", ""}};
}

}  // namespace assay
