// SmolLM3: LLaMA's form, where heads of every fourth layer do not rotate.

#include <algorithm>
#include <utility>
#include <vector>

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {
    .max_positions = 32768, .kv_heads = 4, .tied = true, .mlp_bias = true};

bool are_switches(const Json& list, std::int64_t layers) {
  return list.is_array() && std::ssize(list) == layers &&
         std::all_of(list.begin(), list.end(),
                     [](const Json& entry) { return entry == 0 || entry == 1; });
}

// 1 for a layer that rotates, whatever the key's name says.
void read_rotating_layers(ConfigReader& config, ModelSpec& spec) {
  const std::int64_t interval = config.count("no_rope_layer_interval", 4);
  const Json& list = config.at("no_rope_layers");
  if (!list.is_null() && !are_switches(list, spec.layers)) {
    config.problem("no_rope_layers", list.dump(),
                   "a list of 0 (no rotation) and 1, one for each layer");
    return;
  }
  std::vector<std::int64_t> turns;
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const bool listed = !list.is_null() && list[static_cast<std::size_t>(layer)] == 1;
    turns.push_back(list.is_null() ? (layer + 1) % interval != 0 : listed);
  }
  const bool all = std::all_of(turns.begin(), turns.end(), [](auto turn) { return turn == 1; });
  if (!all) spec.layer_rotates = std::move(turns);
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  read_rotating_layers(config, spec);
  // A window is of layers that do not rotate, unless `layer_types` says otherwise.
  read_switched_window(config, spec, 0, [&](std::int64_t layer) { return !rotates(spec, layer); });
  read_rope(config, spec, {.default_theta = 2e6});
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_smollm3() {
  return {{"smollm3", "SmolLM3: as LLaMA, with layers whose heads do not rotate", {"smollm3"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
