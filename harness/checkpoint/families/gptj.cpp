// GPT-J: rotary positions that turn neighbours, parallel residual with one norm, a head with a
// bias.

#include <algorithm>
#include <string>

#include "harness/checkpoint/family.h"

namespace assay {
namespace {

const std::vector<ConfigKey> kKeys = {
    {"vocab_size", &ModelSpec::vocab, {}},
    {"layer_norm_epsilon", &ModelSpec::norm_eps, 1e-5},
    {"rotary_dim", &ModelSpec::rotary_dim, {}},
};

// Null would make transformers turn more than a head.
void read_rotation(ConfigReader& config, ModelSpec& spec) {
  const bool absent = !config.names("rotary_dim");
  spec.rotary_dim =
      config.count("rotary_dim", absent ? std::optional<std::int64_t>(64) : std::nullopt);
  if (spec.rotary_dim % 2 != 0 || spec.rotary_dim > spec.shape.head_dim) {
    config.problem(
        "rotary_dim", std::to_string(spec.rotary_dim),
        "an even number up to the width of a head, " + std::to_string(spec.shape.head_dim));
  }
  spec.positions = PositionKind::kRotary;
  spec.rope_interleaved = true;
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec;
  spec.vocab = config.count("vocab_size", {});
  spec.norm_eps = config.real("layer_norm_epsilon", 1e-5);
  // The second name of each is an alias in transformers.
  spec.layers = config.count_of({"n_layer", "num_hidden_layers"}, {});
  spec.width = config.count_of({"n_embd", "hidden_size"}, {});
  spec.shape.heads = config.count_of({"n_head", "num_attention_heads"}, {});
  spec.max_positions = config.count_of({"n_positions", "max_position_embeddings"}, 2048);
  spec.shape.kv_heads = spec.shape.heads;
  spec.shape.head_dim = std::max<std::int64_t>(spec.width / spec.shape.heads, 1);
  config.require_count("head_dim", spec.shape.head_dim, "the width over the number of heads");
  config.require_flag("tie_word_embeddings", false);
  read_rotation(config, spec);
  spec.shape.ffn_width = config.count("n_inner", 4 * spec.width);
  spec.activation = config.activation("activation_function", "gelu_new");
  spec.parallel_residual = spec.shared_norm = true;
  spec.ffn_bias = spec.ffn_out_bias = spec.head_bias = true;
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec&) {
  return {
      {"wte", Slot::kEmbedding},           {"h.{}.ln_1", Slot::kAttentionNorm, true},
      {"h.{}.attn.q_proj", Slot::kQ},      {"h.{}.attn.k_proj", Slot::kK},
      {"h.{}.attn.v_proj", Slot::kV},      {"h.{}.attn.out_proj", Slot::kO},
      {"h.{}.mlp.fc_in", Slot::kUp, true}, {"h.{}.mlp.fc_out", Slot::kDown, true},
      {"ln_f", Slot::kFinalNorm, true},    {"lm_head", Slot::kHead, true},
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

Family family_gptj() {
  return {{"gptj", "GPT-J: interleaved rotary positions, parallel residual, tanh GELU", {"gptj"}},
          read_spec,
          tensors,
          {"transformer.", ""},
          {{"n_ctx"},
           {"scale_attn_weights", "true"},
           {"summary_activation"},
           {"summary_first_dropout"},
           {"summary_last_dropout"},
           {"summary_proj_to_labels"},
           {"summary_type"},
           {"summary_use_proj"}},
          written};
}

}  // namespace assay
