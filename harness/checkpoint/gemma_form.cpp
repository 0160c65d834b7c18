#include "harness/checkpoint/gemma_form.h"

#include <cmath>

namespace assay {

double gemma_cap(ConfigReader& config, const char* key, double absent) {
  if (config.has(key)) return config.real(key, {});
  return config.names(key) ? 0 : absent;
}

void read_gemma_form(ConfigReader& config, ModelSpec& spec) {
  config.require_flag("use_bidirectional_attention", false);
  spec.norm_offset = 1;
  spec.norm_rounds_last = true;
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.width));
  spec.embedding_scale_rounded = true;
}

void read_gemma2_form(ConfigReader& config, ModelSpec& spec) {
  read_gemma_form(config, spec);
  spec.output_norms = true;
  spec.attention_scale = 1 / std::sqrt(config.real("query_pre_attn_scalar", 256));
}

void require_same_activation(ConfigReader& config, const ModelSpec& spec, const char* other) {
  if (!config.has(other) || config.activation(other, "") == spec.activation) return;
  config.problem(other, config.at(other).dump(),
                 "the activation that is used; transformers 5 does not read this key here");
}

}  // namespace assay
