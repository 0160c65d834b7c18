// Qwen3: LLaMA's form with RMS norms over each head of q and k.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.max_positions = 32768, .kv_heads = 32, .head_dim = 128};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.qk_norm = QkNorm::kHead;
  config.require_flag("mlp_bias", false);
  read_rope(config, spec);
  read_late_window(config, spec);
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_qwen3() {
  return {{"qwen3", "Qwen3: as LLaMA, with RMS norms over each head of q and k", {"qwen3"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
