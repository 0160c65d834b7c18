// SantaCoder and StarCoder: GPT-2 with one key/value head for all queries.

#include <algorithm>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
};

void read_heads(ConfigReader& config, ModelSpec& spec) {
  const bool one = config.flag("multi_query", true);
  spec.shape.kv_heads = one ? 1 : spec.shape.heads;
  spec.shape.head_dim = std::max<std::int64_t>(spec.width / spec.shape.heads, 1);
  config.require_count("head_dim", spec.shape.head_dim, "the width over the number of heads");
  config.require_count("num_key_value_heads", spec.shape.kv_heads, "as 'multi_query' says");
  if (!config.flag("scale_attn_weights", true)) spec.attention_scale = 1;
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  config.require_flag("add_cross_attention", false);
  // The second name of each is an alias in transformers.
  spec.layers = config.count_of({"n_layer", "num_hidden_layers"}, {});
  spec.width = config.count_of({"n_embd", "hidden_size"}, {});
  spec.shape.heads = config.count_of({"n_head", "num_attention_heads"}, {});
  spec.max_positions = config.count_of({"n_positions", "max_position_embeddings"}, 1024);
  read_heads(config, spec);
  spec.shape.ffn_width = config.count("n_inner", 4 * spec.width);
  spec.activation = config.activation("activation_function", "gelu_pytorch_tanh");
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  return spec;
}

// With a key/value head for each query, the rows of a head lie together.
std::vector<TensorRule> tensors(const ModelSpec& spec) {
  const bool one = spec.shape.kv_heads == 1 && spec.shape.heads > 1;
  return {
      {"wte", Slot::kEmbedding},
      {"wpe", Slot::kPositions},
      {"h.{}.ln_1", Slot::kAttentionNorm, true},
      {"h.{}.attn.c_attn",
       {Slot::kQ, Slot::kK, Slot::kV},
       true,
       one ? TensorLayout::kPlain : TensorLayout::kGrouped},
      {"h.{}.attn.c_proj", Slot::kO, true},
      {"h.{}.ln_2", Slot::kFfnNorm, true},
      {"h.{}.mlp.c_fc", Slot::kUp, true},
      {"h.{}.mlp.c_proj", Slot::kDown, true},
      {"ln_f", Slot::kFinalNorm, true},
      {"lm_head", Slot::kHead, false, TensorLayout::kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) {
  std::vector<ConfigKey> keys = {{"n_layer", &ModelSpec::layers, {}},
                                 {"num_hidden_layers", &ModelSpec::layers, {}},
                                 {"n_embd", &ModelSpec::width, {}},
                                 {"hidden_size", &ModelSpec::width, {}},
                                 {"n_head", &LayerShape::heads, {}},
                                 {"num_attention_heads", &LayerShape::heads, {}},
                                 {"n_positions", &ModelSpec::max_positions, {}},
                                 {"max_position_embeddings", &ModelSpec::max_positions, {}},
                                 {"n_inner", &LayerShape::ffn_width, {}}};
  keys.insert(keys.end(), kKeys.begin(), kKeys.end());
  return keys;
}

}  // namespace

Family family_gpt_bigcode() {
  return {{"gpt_bigcode",
           "SantaCoder, StarCoder: learned positions, multi-query attention, tanh GELU",
           {"gpt_bigcode"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"attention_softmax_in_fp32"},
           {"inference_runner"},
           {"max_batch_size"},
           {"max_sequence_length"},
           {"pad_key_length"},
           {"pre_allocate_kv_cache"},
           {"scale_attention_softmax_in_fp32"},
           {"summary_activation"},
           {"summary_first_dropout"},
           {"summary_proj_to_labels"},
           {"summary_type"},
           {"summary_use_proj"},
           {"validate_runner_input"}},
          written};
}

}  // namespace assay
