// Gemma 2: norms around each block, capped scores and logits, a window in every other layer.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/gemma_form.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.max_positions = 8192,
                              .kv_heads = 4,
                              .head_dim = 256,
                              .tied = true,
                              .activation = "hidden_activation",
                              .act = "gelu_pytorch_tanh"};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  read_gemma2_form(config, spec);
  spec.attention_softcap = gemma_cap(config, "attn_logit_softcapping", 50);
  spec.logit_softcap = gemma_cap(config, "final_logit_softcapping", 30);
  require_same_activation(config, spec, "hidden_act");
  read_rope(config, spec);
  const std::int64_t window = configured_window(config, 4096);
  read_layer_types(config, spec, window, [](std::int64_t layer) { return layer % 2 == 0; });
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_gemma2() {
  return {{"gemma2", "Gemma 2: norms around blocks, capped scores and logits, windows", {"gemma2"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {{"cache_implementation"}},
          written};
}

}  // namespace assay
