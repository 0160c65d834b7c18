// OLMo: layer norms without weights, q, k and v within bounds.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.norm_eps = nullptr, .eps = 1e-5};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.norm = NormKind::kLayerNorm;
  spec.norm_weights = false;
  if (config.has("clip_qkv")) spec.qkv_clip = config.real("clip_qkv", {});
  require_full_attention(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_olmo() {
  return {
      {"olmo", "OLMo: as LLaMA, with layer norms without weights and bounded q, k, v", {"olmo"}},
      read_spec,
      gated_decoder_tensors,
      {"model.", ""},
      {},
      written};
}

}  // namespace assay
