#include "harness/method/tiny_model.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/method/tensor_file.h"

namespace assay {
namespace {

constexpr std::int64_t kLayers = 3;
constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kKvWidth = kKvHeads * kWidth / kHeads;
constexpr std::int64_t kFfnWidth = 64;
constexpr std::int64_t kOptPositionOffset = 2;
constexpr std::int64_t kTokenTypes = 2;
constexpr std::int64_t kExperts = 4;
constexpr std::int64_t kPlainLayer = 1;

Json llama_config() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", kWidth},
          {"intermediate_size", kFfnWidth},
          {"num_hidden_layers", kLayers},
          {"num_attention_heads", kHeads},
          {"num_key_value_heads", kKvHeads},
          {"vocab_size", kTinyVocab},
          {"max_position_embeddings", kTinyPositions},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", true},
          {"torch_dtype", "float32"}};
}

Json gemma3_config() {
  Json config = llama_config();
  config.update({{"architectures", {"Gemma3ForCausalLM"}},
                 {"model_type", "gemma3_text"},
                 {"head_dim", kWidth / kHeads},
                 {"hidden_activation", "gelu_pytorch_tanh"},
                 {"layer_types", {"sliding_attention", "full_attention", "sliding_attention"}},
                 {"sliding_window", kTinyPositions / 4},
                 {"query_pre_attn_scalar", 10},
                 {"final_logit_softcapping", 3.0},
                 {"rope_theta", 1e6},
                 {"rope_local_base_freq", 1e4}});
  config.erase("hidden_act");
  return config;
}

Json olmo2_config() {
  Json config = llama_config();
  config.update({{"architectures", {"Olmo2ForCausalLM"}}, {"model_type", "olmo2"}});
  return config;
}

Json qwen3_moe_config() {
  Json config = llama_config();
  config.update({{"architectures", {"Qwen3MoeForCausalLM"}},
                 {"model_type", "qwen3_moe"},
                 {"head_dim", kWidth / kHeads},
                 {"moe_intermediate_size", kFfnWidth / 2},
                 {"num_experts", kExperts},
                 {"num_experts_per_tok", 2},
                 {"norm_topk_prob", true},
                 {"mlp_only_layers", {kPlainLayer}}});
  return config;
}

Json opt_config() {
  return {{"architectures", {"OPTForCausalLM"}},
          {"model_type", "opt"},
          {"hidden_size", kWidth},
          {"word_embed_proj_dim", kWidth},
          {"ffn_dim", kFfnWidth},
          {"num_hidden_layers", kLayers},
          {"num_attention_heads", kHeads},
          {"vocab_size", kTinyVocab},
          {"max_position_embeddings", kTinyPositions},
          {"activation_function", "relu"},
          {"do_layer_norm_before", true},
          {"enable_bias", true},
          {"tie_word_embeddings", true},
          {"torch_dtype", "float32"}};
}

Json bert_config() {
  return {{"architectures", {"BertForSequenceClassification"}},
          {"model_type", "bert"},
          {"hidden_size", kWidth},
          {"intermediate_size", kFfnWidth},
          {"num_hidden_layers", kLayers},
          {"num_attention_heads", kHeads},
          {"vocab_size", kTinyVocab},
          {"max_position_embeddings", kTinyPositions},
          {"type_vocab_size", kTokenTypes},
          {"layer_norm_eps", 1e-12},
          {"hidden_act", "gelu"},
          {"id2label", {{"0", "a"}, {"1", "b"}, {"2", "c"}}},
          {"torch_dtype", "float32"}};
}

/// Box-Muller over mt19937_64: the standard's own normal distribution is not the same everywhere.
class Weights {
 public:
  explicit Weights(std::uint64_t seed) : engine_(seed) {}

  void add(const std::string& name, std::vector<std::int64_t> shape, double scale,
           double mean = 0) {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
    float* values = tensor.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      values[i] = static_cast<float>(mean + scale * normal());
    }
    file_.tensors[name] = tensor;
  }
  /// y = W x + b with outputs of the order of the inputs.
  void add_linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    add(name + ".weight", {out, in}, 1.0 / std::sqrt(static_cast<double>(in)));
    if (bias) add(name + ".bias", {out}, 0.1);
  }
  void add_norm(const std::string& name, bool bias) {
    add(name + ".weight", {kWidth}, 0.2, 1.0);
    if (bias) add(name + ".bias", {kWidth}, 0.1);
  }
  [[nodiscard]] const TensorFile& file() const { return file_; }

 private:
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1.0p-53; }
  double normal() {
    constexpr double kTwoPi = 6.283185307179586;
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(kTwoPi * uniform());
  }
  std::mt19937_64 engine_;
  TensorFile file_;
};

/// Norms of a layer, and how wide those over q and k are; 0: there are none.
struct GatedNorms {
  std::vector<const char*> of_layer;
  std::int64_t queries = 0, keys = 0;
};

void add_gated_ffn(Weights& weights, const std::string& name, std::int64_t neurons) {
  weights.add_linear(name + ".gate_proj", neurons, kWidth, false);
  weights.add_linear(name + ".up_proj", neurons, kWidth, false);
  weights.add_linear(name + ".down_proj", kWidth, neurons, false);
}

void add_mixture(Weights& weights, const std::string& name) {
  weights.add_linear(name + ".gate", kExperts, kWidth, false);
  for (std::int64_t expert = 0; expert < kExperts; ++expert) {
    add_gated_ffn(weights, fmt::format("{}.experts.{}", name, expert), kFfnWidth / 2);
  }
}

void add_gated(Weights& weights, const GatedNorms& norms, bool mixtures = false) {
  weights.add("model.embed_tokens.weight", {kTinyVocab, kWidth}, 0.5);
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    for (const char* norm : norms.of_layer) weights.add_norm(layer + norm, false);
    if (norms.queries > 0) weights.add(layer + "self_attn.q_norm.weight", {norms.queries}, 0.2, 1);
    if (norms.keys > 0) weights.add(layer + "self_attn.k_norm.weight", {norms.keys}, 0.2, 1);
    weights.add_linear(layer + "self_attn.q_proj", kWidth, kWidth, false);
    weights.add_linear(layer + "self_attn.k_proj", kKvWidth, kWidth, false);
    weights.add_linear(layer + "self_attn.v_proj", kKvWidth, kWidth, false);
    weights.add_linear(layer + "self_attn.o_proj", kWidth, kWidth, false);
    mixtures&& i != kPlainLayer ? add_mixture(weights, layer + "mlp")
                                : add_gated_ffn(weights, layer + "mlp", kFfnWidth);
  }
  weights.add_norm("model.norm", false);
}

void add_llama(Weights& weights) {
  add_gated(weights, {{"input_layernorm", "post_attention_layernorm"}});
}

void add_gemma3(Weights& weights) {
  add_gated(weights, {{"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                       "post_feedforward_layernorm"},
                      kWidth / kHeads,
                      kWidth / kHeads});
}

void add_olmo2(Weights& weights) {
  add_gated(weights,
            {{"post_attention_layernorm", "post_feedforward_layernorm"}, kWidth, kKvWidth});
}

void add_qwen3_moe(Weights& weights) {
  add_gated(weights,
            {{"input_layernorm", "post_attention_layernorm"}, kWidth / kHeads, kWidth / kHeads},
            true);
}

void add_opt(Weights& weights) {
  const std::string decoder = "model.decoder.";
  weights.add(decoder + "embed_tokens.weight", {kTinyVocab, kWidth}, 0.5);
  weights.add(decoder + "embed_positions.weight", {kTinyPositions + kOptPositionOffset, kWidth},
              0.2);
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const std::string layer = fmt::format("{}layers.{}.", decoder, i);
    weights.add_norm(layer + "self_attn_layer_norm", true);
    weights.add_norm(layer + "final_layer_norm", true);
    for (const char* role : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      weights.add_linear(layer + "self_attn." + role, kWidth, kWidth, true);
    }
    weights.add_linear(layer + "fc1", kFfnWidth, kWidth, true);
    weights.add_linear(layer + "fc2", kWidth, kFfnWidth, true);
  }
  weights.add_norm(decoder + "final_layer_norm", true);
}

void add_bert(Weights& weights) {
  weights.add("bert.embeddings.word_embeddings.weight", {kTinyVocab, kWidth}, 0.5);
  weights.add("bert.embeddings.position_embeddings.weight", {kTinyPositions, kWidth}, 0.2);
  weights.add("bert.embeddings.token_type_embeddings.weight", {kTokenTypes, kWidth}, 0.2);
  weights.add_norm("bert.embeddings.LayerNorm", true);
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const std::string layer = fmt::format("bert.encoder.layer.{}.", i);
    for (const char* role : {"self.query", "self.key", "self.value", "output.dense"}) {
      weights.add_linear(layer + "attention." + role, kWidth, kWidth, true);
    }
    weights.add_norm(layer + "attention.output.LayerNorm", true);
    weights.add_linear(layer + "intermediate.dense", kFfnWidth, kWidth, true);
    weights.add_linear(layer + "output.dense", kWidth, kFfnWidth, true);
    weights.add_norm(layer + "output.LayerNorm", true);
  }
  weights.add_linear("bert.pooler.dense", kWidth, kWidth, true);
  weights.add_linear("classifier", kTinyClasses, kWidth, true);
}

/// How a family's model is made.
struct Recipe {
  Json (*config)();
  void (*add_weights)(Weights& weights);
};

Recipe recipe_of(TinyFamily family) {
  switch (family) {
    case TinyFamily::kLlama:
      return {llama_config, add_llama};
    case TinyFamily::kOpt:
      return {opt_config, add_opt};
    case TinyFamily::kGemma3:
      return {gemma3_config, add_gemma3};
    case TinyFamily::kOlmo2:
      return {olmo2_config, add_olmo2};
    case TinyFamily::kQwen3Moe:
      return {qwen3_moe_config, add_qwen3_moe};
    case TinyFamily::kBert:
      break;
  }
  return {bert_config, add_bert};
}

}  // namespace

void write_tiny_model(const std::filesystem::path& folder, TinyFamily family, std::uint64_t seed) {
  ensure_folder(folder);
  const Recipe recipe = recipe_of(family);
  Weights weights(seed);
  recipe.add_weights(weights);
  write_tensor_file(folder / "model.safetensors", weights.file());
  write_file_atomically(folder / "config.json", recipe.config().dump(2));
}

}  // namespace assay
