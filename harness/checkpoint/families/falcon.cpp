// Falcon: 7B (multi-query, one shared norm), 40B (grouped queries, two norms), RW (ALiBi,
// sequential residual, biases).

#include <cmath>
#include <string>

#include "harness/checkpoint/family.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

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
    {"bias", &ModelSpec::ffn_out_bias, false},
};

void read_norms(ConfigReader& config, ModelSpec& spec) {
  const std::int64_t norms = config.count("num_ln_in_parallel_attn", 2);
  if (norms > 2) config.problem("num_ln_in_parallel_attn", std::to_string(norms), "1, 2");
  spec.shared_norm = norms == 1;
}

// Which of the three layers this is.
void read_layer(ConfigReader& config, ModelSpec& spec) {
  const bool grouped = config.flag("new_decoder_architecture", false);
  const bool multi_query = config.flag("multi_query", true);
  if (grouped) {
    if (!spec.parallel_residual) {
      config.problem("parallel_attn", "false with new_decoder_architecture", "true");
    }
    spec.shape.kv_heads = config.count("num_kv_heads", spec.shape.heads);
    read_norms(config, spec);
    return;
  }
  const Json& norms = config.at("num_ln_in_parallel_attn");
  if (!norms.is_null() && norms != 1) {
    config.problem("num_ln_in_parallel_attn", norms.dump(), "1 without new_decoder_architecture");
  }
  if (multi_query) {
    (void)config.at("num_kv_heads");  // transformers takes one, whatever it says
  } else {
    config.require_count("num_kv_heads", spec.shape.heads, "multi_query is false");
  }
  spec.shape.kv_heads = multi_query ? 1 : spec.shape.heads;
  spec.shared_norm = spec.parallel_residual;
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.layers = config.count_of({"num_hidden_layers", "n_layer"}, {});
  spec.shape.heads = config.count_of({"num_attention_heads", "n_head"}, {});
  spec.width = config.count_of({"hidden_size", "n_embed"}, {});
  spec.shape.head_dim = spec.width / spec.shape.heads;
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  require_full_attention(config, spec);
  spec.shape.ffn_width = config.count("ffn_hidden_size", 4 * spec.width);
  spec.activation = config.activation("activation", "gelu");
  read_layer(config, spec);
  if (config.flag("alibi", false)) {
    spec.positions = PositionKind::kAlibi;
    spec.alibi_scale = 1.0 / std::sqrt(static_cast<double>(spec.shape.head_dim));
    spec.alibi_rounded = true;
    // Nothing rotates then.
    for (const char* key : {"rope_theta", "rope_scaling", "rope_parameters"}) (void)config.at(key);
  } else {
    read_rope(config, spec);
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
      {"h.{}.self_attention.query_key_value",
       {Slot::kQ, Slot::kK, Slot::kV},
       spec.qkv_bias,
       TensorLayout::kGrouped},
      {"h.{}.self_attention.dense", Slot::kO, spec.attention_out_bias},
      {"h.{}.mlp.dense_h_to_4h", Slot::kUp, spec.ffn_bias},
      {"h.{}.mlp.dense_4h_to_h", Slot::kDown, spec.ffn_out_bias},
      {"ln_f", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = {{"num_hidden_layers", &ModelSpec::layers, {}},
                                 {"n_layer", &ModelSpec::layers, {}},
                                 {"num_attention_heads", &LayerShape::heads, {}},
                                 {"n_head", &LayerShape::heads, {}},
                                 {"num_kv_heads", &LayerShape::kv_heads, {}},
                                 {"hidden_size", &ModelSpec::width, {}},
                                 {"n_embed", &ModelSpec::width, {}},
                                 {"ffn_hidden_size", &LayerShape::ffn_width, {}}};
  keys.insert(keys.end(), kKeys.begin(), kKeys.end());
  return keys;
}

}  // namespace

Family family_falcon() {
  return {{"falcon",
           "Falcon 7B, 40B and RW: multi-query or grouped attention, parallel residual or ALiBi",
           {"falcon"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"apply_residual_connection_post_layernorm", "false"}},
          written};
}

}  // namespace assay
