// Mixtral: Mistral's form, where every layer is a mixture of experts.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/mixture_form.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {
    .max_positions = 131072, .kv_heads = 8, .eps = 1e-5, .attention_bias = false};

// All layers have it, or none.
void read_window(ConfigReader& config, ModelSpec& spec) {
  require_full_attention(config, spec);
  const std::int64_t window = configured_window(config, 0);
  if (window > 0) spec.layer_windows.assign(static_cast<std::size_t>(spec.layers), window);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  read_mixture(config, spec, {.experts = 8, .experts_per_token = 2});
  spec.router_normed = true;
  read_window(config, spec);
  read_rope(config, spec, {.default_theta = 1e6});
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return mixture_tensors(
      spec,
      {"layers.{}.block_sparse_moe.gate", "layers.{}.block_sparse_moe.experts.{}.w1",
       "layers.{}.block_sparse_moe.experts.{}.w3", "layers.{}.block_sparse_moe.experts.{}.w2"});
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

std::map<std::string, Json> windows(const ModelSpec& spec) {
  const std::int64_t window = window_of(spec, 0);
  return {{"sliding_window", window > 0 ? Json(window) : Json()}};
}

}  // namespace

Family family_mixtral() {
  return {{"mixtral", "Mixtral: as Mistral, with mixtures of experts", {"mixtral"}},
          read_spec,
          tensors,
          {"model.", ""},
          mixture_harmless_keys(),
          written,
          windows};
}

}  // namespace assay
