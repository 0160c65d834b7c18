// GPT-2: learned positions, tanh GELU, weights stored transposed with q, k and v side by side.

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  config.require_flag("scale_attn_weights", true);
  config.require_flag("scale_attn_by_inverse_layer_idx", false);
  config.require_flag("add_cross_attention", false);
  // The second name of each is an alias in transformers.
  spec.layers = config.count_of({"n_layer", "num_hidden_layers"}, {});
  spec.width = config.count_of({"n_embd", "hidden_size"}, {});
  spec.shape.heads = config.count_of({"n_head", "num_attention_heads"}, {});
  spec.max_positions = config.count_of({"n_positions", "max_position_embeddings"}, 1024);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = spec.width / spec.shape.heads;
  config.require_count("head_dim", spec.shape.head_dim, "the width over the number of heads");
  spec.shape.ffn_width = config.count("n_inner", 4 * spec.width);
  spec.activation = config.activation("activation_function", "gelu_new");
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  constexpr auto kTransposed = TensorLayout::kTransposed;
  return {
      {"wte", Slot::kEmbedding},
      {"wpe", Slot::kPositions},
      {"h.{}.ln_1", Slot::kAttentionNorm, true},
      {"h.{}.attn.c_attn", {Slot::kQ, Slot::kK, Slot::kV}, true, kTransposed},
      {"h.{}.attn.c_proj", Slot::kO, true, kTransposed},
      {"h.{}.ln_2", Slot::kFfnNorm, true},
      {"h.{}.mlp.c_fc", Slot::kUp, true, kTransposed},
      {"h.{}.mlp.c_proj", Slot::kDown, true, kTransposed},
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

Family family_gpt2() {
  return {{"gpt2", "GPT-2: learned positions, tanh GELU, transposed weights", {"gpt2"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"n_ctx"},
           {"n_special"},
           {"predict_special_tokens"},
           {"reorder_and_upcast_attn"},
           {"summary_activation"},
           {"summary_first_dropout"},
           {"summary_last_dropout"},
           {"summary_proj_to_labels"},
           {"summary_type"},
           {"summary_use_proj"}},
          written};
}

}  // namespace assay
