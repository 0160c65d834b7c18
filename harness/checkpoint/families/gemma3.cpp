// Gemma 3, text: norms over heads of q and k, and layers with a window that rotate by another base.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/gemma_form.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.max_positions = 131072,
                              .kv_heads = 4,
                              .head_dim = 256,
                              .tied = true,
                              .activation = "hidden_activation",
                              .act = "gelu_pytorch_tanh"};

void read_no_cap_of_scores(ConfigReader& config) {
  const Json& cap = config.at("attn_logit_softcapping");
  if (cap.is_null()) return;
  config.problem("attn_logit_softcapping", cap.dump(),
                 "null; transformers does not cap scores in Gemma 3");
}

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  read_gemma2_form(config, spec);
  spec.logit_softcap = gemma_cap(config, "final_logit_softcapping", 0);
  read_no_cap_of_scores(config);
  spec.qk_norm = QkNorm::kHead;
  require_same_activation(config, spec, "hidden_act");
  read_layer_ropes(config, spec, {.default_theta = 1e6}, {.theta = "rope_local_base_freq"});
  const std::int64_t window = configured_window(config, 4096);
  const std::int64_t pattern = config.count("sliding_window_pattern", 6);
  read_layer_types(config, spec, window,
                   [&](std::int64_t layer) { return (layer + 1) % pattern != 0; });
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_gemma3() {
  return {
      {"gemma3", "Gemma 3, text only: norms of heads, windows, two rotary bases", {"gemma3_text"}},
      read_spec,
      gated_decoder_tensors,
      {"model.", ""},
      {{"cache_implementation"}, {"_sliding_window_pattern"}},
      written};
}

}  // namespace assay
