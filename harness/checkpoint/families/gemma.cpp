// Gemma: scaled embeddings, norms that multiply by one more than their weight, gated tanh GELU.

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/gemma_form.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.max_positions = 8192,
                              .kv_heads = 16,
                              .head_dim = 256,
                              .tied = true,
                              .act = "gelu_pytorch_tanh"};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  read_gemma_form(config, spec);
  // The first files say "gelu" and mean its tanh form.
  if (config.text("hidden_act", "") == "gelu") spec.activation = ActivationKind::kGeluTanh;
  require_same_activation(config, spec, "hidden_activation");
  require_full_attention(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_gemma() {
  return {{"gemma",
           "Gemma 1: scaled embeddings, weights of norms beside 1, gated tanh GELU",
           {"gemma"}},
          read_spec,
          gated_decoder_tensors,
          {"model.", ""},
          {},
          written};
}

}  // namespace assay
