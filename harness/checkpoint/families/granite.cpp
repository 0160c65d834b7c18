// Granite 3: LLaMA's form with multipliers of embeddings, scores, residuals and logits.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.mlp_bias = true};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.embedding_scale = config.real("embedding_multiplier", 1.0);
  spec.attention_scale = config.real("attention_multiplier", 1.0);
  spec.residual_scale = config.real("residual_multiplier", 1.0);
  spec.logit_scale = 1 / config.real("logits_scaling", 1.0);
  require_full_attention(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_granite() {
  return {
      {"granite", "Granite 3: as LLaMA, with multipliers of rows, scores and logits", {"granite"}},
      read_spec,
      gated_decoder_tensors,
      {"model.", ""},
      {},
      written};
}

}  // namespace assay
