// OLMoE: LLaMA's form with RMS norms over all heads of q and k, bounded q, k, v, and mixtures of
// experts.

#include <algorithm>

#include "harness/checkpoint/gated_decoder.h"
#include "harness/checkpoint/layer_types.h"
#include "harness/checkpoint/mixture_form.h"
#include "harness/checkpoint/rope_reader.h"

namespace assay {
namespace {

const GatedDecoder kAbsent = {.max_positions = 4096, .eps = 1e-5};

ModelSpec read_spec(ConfigReader& config) {
  ModelSpec spec = read_gated_decoder(config, kAbsent);
  config.require_count("head_dim", std::max<std::int64_t>(spec.width / spec.shape.heads, 1),
                       "hidden_size over the number of heads");
  spec.qk_norm = QkNorm::kProjection;
  if (config.has("clip_qkv")) spec.qkv_clip = config.real("clip_qkv", {});
  read_mixture(config, spec, {.experts = 64, .experts_per_token = 8});
  spec.router_normed = config.flag("norm_topk_prob", false);
  spec.router_rounded = true;
  require_full_attention(config, spec);
  read_rope(config, spec);
  return spec;
}

std::vector<TensorRule> tensors(const ModelSpec& spec) {
  return mixture_tensors(spec, kPlainMixtureNames);
}

std::vector<ConfigKey> written(const std::string&) { return gated_decoder_keys(kAbsent); }

}  // namespace

Family family_olmoe() {
  return {
      {"olmoe", "OLMoE: as OLMo 2 with norms in front, and with mixtures of experts", {"olmoe"}},
      read_spec,
      tensors,
      {"model.", ""},
      mixture_harmless_keys(),
      written};
}

}  // namespace assay
