// BLOOM: ALiBi, a norm after the embedding, tanh GELU, q k v interleaved by head.

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
    {"seq_length", &ModelSpec::max_positions, 2048},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  config.require_flag("apply_residual_connection_post_layernorm", false);
  // Published configurations use either of two names for these.
  spec.layers = config.count_of({"n_layer", "num_hidden_layers"}, {});
  spec.shape.heads = config.count_of({"n_head", "num_attention_heads"}, {});
  spec.width = config.count_of({"hidden_size", "n_embed"}, {});
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = spec.width / spec.shape.heads;
  spec.shape.ffn_width = 4 * spec.width;
  config.require_count("n_inner", spec.shape.ffn_width, "four times the width, in every BLOOM");
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  spec.positions = PositionKind::kAlibi;
  spec.activation = ActivationKind::kGeluTanh;
  spec.embedding_norm = true;
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"word_embeddings", Slot::kEmbedding},
      {"word_embeddings_layernorm", Slot::kEmbeddingNorm, true},
      {"h.{}.input_layernorm", Slot::kAttentionNorm, true},
      {"h.{}.self_attention.query_key_value",
       {Slot::kQ, Slot::kK, Slot::kV},
       true,
       TensorLayout::kGrouped},
      {"h.{}.self_attention.dense", Slot::kO, true},
      {"h.{}.post_attention_layernorm", Slot::kFfnNorm, true},
      {"h.{}.mlp.dense_h_to_4h", Slot::kUp, true},
      {"h.{}.mlp.dense_4h_to_h", Slot::kDown, true},
      {"ln_f", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

// The width of the feed-forward block has no key.
std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = {
      {"n_layer", &ModelSpec::layers, {}},    {"num_hidden_layers", &ModelSpec::layers, {}},
      {"n_head", &LayerShape::heads, {}},     {"num_attention_heads", &LayerShape::heads, {}},
      {"hidden_size", &ModelSpec::width, {}}, {"n_embed", &ModelSpec::width, {}}};
  keys.insert(keys.end(), kKeys.begin(), kKeys.end());
  return keys;
}

}  // namespace

Family family_bloom() {
  return {{"bloom", "BLOOM: ALiBi, norm after the embedding, tanh GELU", {"bloom"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"attention_softmax_in_fp32"},
           {"bias_dropout_fusion"},
           {"masked_softmax_fusion"},
           {"offset_alibi"},
           {"pretraining_tp"},
           {"skip_bias_add"},
           {"skip_bias_add_qkv", "false"},
           {"slow_but_exact", "false"}},
          written};
}

}  // namespace assay
