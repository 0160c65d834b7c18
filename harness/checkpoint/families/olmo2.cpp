// OLMo 2: RMS norms behind each block instead of in front, and over all heads of q and k together.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.eps = 1e-5};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.norm_rounds_last = true;
  spec.input_norms = false;
  spec.output_norms = true;
  spec.qk_norm = QkNorm::kProjection;
  require_full_attention(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_olmo2() {
  return {{"olmo2", "OLMo 2: RMS norms behind the blocks, and over q and k", {"olmo2"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
