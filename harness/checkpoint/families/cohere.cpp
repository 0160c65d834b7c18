// Command R: parallel residual with one norm, layer norms without biases, neighbours that rotate,
// scaled logits.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {
    .max_positions = 8192, .tied = true, .norm_eps = "layer_norm_eps", .eps = 1e-5};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  spec.norm = NormKind::kLayerNorm;
  spec.norm_bias = false;
  spec.parallel_residual = spec.shared_norm = true;
  spec.rope_interleaved = true;
  spec.logit_scale = config.real("logit_scale", 0.0625);
  config.require_flag("use_qk_norm", false);  // Command R+: weights of each head's own
  require_full_attention(config, spec);
  read_rope(config, spec, {.default_theta = 500000});
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_cohere() {
  return {{"cohere",
           "Command R: parallel residual, layer norms without biases, scaled logits",
           {"cohere"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
