// OPT: learned positions from 2 on, ReLU; the 350M member norms after the residual and projects
// narrow embeddings in and out.

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"num_hidden_layers", &ModelSpec::layers, {}},
    {"hidden_size", &ModelSpec::width, {}},
    {"num_attention_heads", &LayerShape::heads, {}},
    {"ffn_dim", &LayerShape::ffn_width, {}},
    {"vocab_size", &ModelSpec::vocab, {}},
    {"max_position_embeddings", &ModelSpec::max_positions, 2048},
    {"tie_word_embeddings", &ModelSpec::tied_head, true},
    {"do_layer_norm_before", &ModelSpec::pre_norm, true},
    {"enable_bias", &ModelSpec::qkv_bias, true},
    {"enable_bias", &ModelSpec::attention_out_bias, true},
    {"enable_bias", &ModelSpec::ffn_bias, true},
    {"enable_bias", &ModelSpec::ffn_out_bias, true},
};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  config.fill(spec, kKeys);
  config.require_flag("layer_norm_elementwise_affine", true);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = spec.width / spec.shape.heads;
  config.require_count("head_dim", spec.shape.head_dim, "hidden_size over the number of heads");
  spec.embedding_width = config.count("word_embed_proj_dim", spec.width);
  spec.position_offset = 2;
  spec.activation = config.activation("activation_function", "relu");
  const bool removed = config.flag("_remove_final_layer_norm", false);
  spec.final_norm = spec.pre_norm && !removed;
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  const bool projected = spec.embedding_width != spec.width;
  constexpr auto kPlain = TensorLayout::kPlain;
  return {
      {"embed_tokens", Slot::kEmbedding},
      {"embed_positions", Slot::kPositions},
      {"project_in", Slot::kProjectIn, false, kPlain, projected},
      {"project_out", Slot::kProjectOut, false, kPlain, projected},
      {"layers.{}.self_attn_layer_norm", Slot::kAttentionNorm, true},
      {"layers.{}.self_attn.q_proj", Slot::kQ, spec.qkv_bias},
      {"layers.{}.self_attn.k_proj", Slot::kK, spec.qkv_bias},
      {"layers.{}.self_attn.v_proj", Slot::kV, spec.qkv_bias},
      {"layers.{}.self_attn.out_proj", Slot::kO, spec.attention_out_bias},
      {"layers.{}.final_layer_norm", Slot::kFfnNorm, true},
      {"layers.{}.fc1", Slot::kUp, spec.ffn_bias},
      {"layers.{}.fc2", Slot::kDown, spec.ffn_out_bias},
      {"final_layer_norm", Slot::kFinalNorm, true, kPlain, spec.final_norm},
      {"lm_head", Slot::kHead, false, kPlain, !spec.tied_head},
  };
}

std::vector<ConfigKey> written(const std::string&) { return kKeys; }

}  // namespace

Family family_opt() {
  return {{"opt", "OPT 125M to 175B: learned positions, ReLU, biases; 350M norms last", {"opt"}},
          read_spec,
          tensors,
          {"model.decoder.", "decoder.", ""},
          {},
          written};
}

}  // namespace assay
