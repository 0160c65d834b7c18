// MPT: ALiBi, layer norms without biases, no biases anywhere.

#include <algorithm>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"max_seq_len", &ModelSpec::max_positions, 2048},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
};

void read_attention(ConfigReader& config, ModelSpec& spec) {
  ConfigReader attention = config.table("attn_config");
  spec.attention_scale = attention.has("softmax_scale") ? attention.real("softmax_scale", {}) : 0;
  attention.require_flag("alibi", true);
  attention.require_count("alibi_bias_max", 8, "transformers takes it, whatever the key says");
  if (attention.text("attn_type", "multihead_attention") != "multihead_attention") {
    attention.problem("attn_type", attention.at("attn_type").dump(), "\"multihead_attention\"");
  }
  for (const char* off : {"attn_uses_sequence_id", "prefix_lm", "qk_ln"}) {
    attention.require_flag(off, false);
  }
  const bool clips = attention.has("clip_qkv") && attention.at("clip_qkv") != 0;
  if (clips) spec.qkv_clip = attention.real("clip_qkv", {});
  judge_unread_keys(attention, {{"attn_impl"}});
  config.take(attention);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  // The second name of each is an alias in transformers.
  spec.layers = config.count_of({"n_layers", "num_hidden_layers"}, {});
  spec.width = config.count_of({"d_model", "hidden_size"}, {});
  spec.shape.heads = config.count_of({"n_heads", "num_attention_heads"}, {});
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = std::max<std::int64_t>(spec.width / spec.shape.heads, 1);
  spec.shape.ffn_width = 4 * spec.width;
  config.require_count("expansion_ratio", 4, "transformers takes it, whatever the key says");
  spec.positions = PositionKind::kAlibi;
  spec.activation = ActivationKind::kGelu;
  spec.norm_bias = false;
  read_attention(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"wte", Slot::kEmbedding},
      {"blocks.{}.norm_1", Slot::kAttentionNorm},
      {"blocks.{}.attn.Wqkv", {Slot::kQ, Slot::kK, Slot::kV}},
      {"blocks.{}.attn.out_proj", Slot::kO},
      {"blocks.{}.norm_2", Slot::kFfnNorm},
      {"blocks.{}.ffn.up_proj", Slot::kUp},
      {"blocks.{}.ffn.down_proj", Slot::kDown},
      {"norm_f", Slot::kFinalNorm},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = {
      {"n_layers", &ModelSpec::layers, {}}, {"num_hidden_layers", &ModelSpec::layers, {}},
      {"d_model", &ModelSpec::width, {}},   {"hidden_size", &ModelSpec::width, {}},
      {"n_heads", &LayerShape::heads, {}},  {"num_attention_heads", &LayerShape::heads, {}}};
  keys.insert(keys.end(), kKeys.begin(), kKeys.end());
  return keys;
}

}  // namespace

Family family_mpt() {
  return {{"mpt", "MPT: ALiBi, norms without biases, GELU", {"mpt"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"emb_pdrop"},
           {"embedding_fraction"},
           {"init_config"},
           {"init_device"},
           {"learned_pos_emb", "true"},
           {"logit_scale", "null"},
           {"no_bias", "true"},
           {"norm_type", "\"low_precision_layernorm\""},
           {"verbose"}},
          written};
}

}  // namespace assay
