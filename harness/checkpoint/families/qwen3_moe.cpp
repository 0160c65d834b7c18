// Qwen3 MoE: Qwen3's form, where layers are mixtures of experts; some may be plain.

#include <algorithm>

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/mixture_form.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {
    .max_positions = 32768, .kv_heads = 4, .neurons = "moe_intermediate_size"};

/// Layers that `mlp_only_layers` names: numbers beyond the last one say nothing.
std::vector<std::int64_t> plain_layers(ConfigReader& config) {
  constexpr const char* kKey = "mlp_only_layers";
  const Json& list = config.at(kKey);
  if (list.is_null()) return {};
  const auto is_layer = [](const Json& entry) { return entry.is_number_integer() && entry >= 0; };
  if (list.is_array() && std::all_of(list.begin(), list.end(), is_layer)) {
    return list.get<std::vector<std::int64_t>>();
  }
  config.problem(kKey, list.dump(), "a list of layers, counted from 0");
  return {};
}

// Where all layers are alike, one shape says so.
void read_layers(ConfigReader& config, ModelSpec& spec) {
  const std::vector<std::int64_t> plain = plain_layers(config);
  const std::int64_t step = config.count("decoder_sparse_step", 1);
  LayerShape block = spec.shape;
  block.ffn_width = config.count("intermediate_size", 6144);
  block.experts = 0;
  std::vector<LayerShape> shapes;
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const bool listed = std::find(plain.begin(), plain.end(), layer) != plain.end();
    shapes.push_back(listed || (layer + 1) % step != 0 ? block : spec.shape);
  }
  const bool mixtures = std::count(shapes.begin(), shapes.end(), spec.shape) == spec.layers;
  if (!mixtures) spec.layer_shapes = std::move(shapes);
}

// All layers have it, or none.
void read_window(ConfigReader& config, ModelSpec& spec) {
  require_full_attention(config, spec);
  const bool on = config.flag("use_sliding_window", false);
  const std::int64_t window = configured_window(config, 4096);
  if (!on || window == 0) return;
  spec.layer_windows.assign(static_cast<std::size_t>(spec.layers), window);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.qk_norm = QkNorm::kHead;
  read_mixture(config, spec, {.experts = 128, .experts_per_token = 8});
  spec.router_normed = config.flag("norm_topk_prob", false);
  spec.router_rounded = true;
  read_layers(config, spec);
  read_window(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return mixture_tensors(spec, kPlainMixtureNames);
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

std::map<std::string, Json> unlike_layers(const ModelSpec& spec) {
  Json plain = Json::array();
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    if (spec.layer(layer).experts == 0) plain.push_back(layer);
  }
  const std::int64_t window = window_of(spec, 0);
  std::map<std::string, Json> said = {
      {"use_sliding_window", window > 0}, {"mlp_only_layers", plain}, {"decoder_sparse_step", 1}};
  if (window > 0) said["sliding_window"] = window;
  return said;
}

std::vector<HarmlessKey> harmless() {
  std::vector<HarmlessKey> keys = mixture_harmless_keys();
  keys.push_back({"max_window_layers"});  // transformers has the window in all layers
  return keys;
}

}  // namespace

Family family_qwen3_moe() {
  return {{"qwen3_moe", "Qwen3 MoE: as Qwen3, with mixtures of experts", {"qwen3_moe"}},
          read_spec,
          tensors,
          {"model.", ""},
          harmless(),
          written,
          unlike_layers};
}

}  // namespace assay
