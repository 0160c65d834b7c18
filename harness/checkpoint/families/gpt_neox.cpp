// GPT-NeoX and Pythia: partial rotary positions, parallel residual, q k v interleaved by head.

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
    {"tie_word_embeddings", &ModelSpec::tied_head, false},
    {"use_parallel_residual", &ModelSpec::parallel_residual, true},
    {"attention_bias", &ModelSpec::qkv_bias, true},
    {"attention_bias", &ModelSpec::attention_out_bias, true},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = spec.width / spec.shape.heads;
  spec.ffn_bias = spec.ffn_out_bias = true;
  spec.activation = config.activation("hidden_act", "gelu");
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  require_full_attention(config, spec);
  read_rope(config, spec,
            {.theta = "rotary_emb_base",
             .fraction = "rotary_pct",
             .default_fraction = 0.25,
             .partial = true});
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return {
      {"embed_in", Slot::kEmbedding},
      {"layers.{}.input_layernorm", Slot::kAttentionNorm, true},
      {"layers.{}.attention.query_key_value",
       {Slot::kQ, Slot::kK, Slot::kV},
       spec.qkv_bias,
       TensorLayout::kGrouped},
      {"layers.{}.attention.dense", Slot::kO, spec.attention_out_bias},
      {"layers.{}.post_attention_layernorm", Slot::kFfnNorm, true},
      {"layers.{}.mlp.dense_h_to_4h", Slot::kUp, true},
      {"layers.{}.mlp.dense_4h_to_h", Slot::kDown, true},
      {"final_layer_norm", Slot::kFinalNorm, true},
      {"embed_out", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) { return kKeys; }

}  // namespace

Family family_gpt_neox() {
  return {{"gpt_neox",
           "GPT-NeoX, Pythia: partial rotary positions, parallel residual, GELU",
           {"gpt_neox"}},
          read_spec,
          tensors,
          {"gpt_neox.", ""},
          {},
          written};
}

}  // namespace assay
