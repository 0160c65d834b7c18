#include "harness/checkpoint/mixture_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "harness/base/errors.h"
#include "harness/checkpoint/gated_decoder.h"

namespace assay {
namespace {

constexpr const char* kExpertsPerToken = "num_experts_per_tok";

}  // namespace

void read_mixture(ConfigReader& config, ModelSpec& spec, const MixtureForm& absent) {
  spec.shape.experts = config.count_of({"num_local_experts", "num_experts"}, absent.experts);
  spec.experts_per_token = config.count(kExpertsPerToken, absent.experts_per_token);
  if (spec.experts_per_token <= spec.shape.experts) return;
  config.problem(kExpertsPerToken, std::to_string(spec.experts_per_token),
                 fmt::format("at most the number of experts, {}", spec.shape.experts));
}

std::vector<HarmlessKey> mixture_harmless_keys() {
  return {{"output_router_logits"}, {"router_aux_loss_coef"}, {"router_jitter_noise"}};
}

std::vector<TensorRule> mixture_tensors(const ModelSpec& spec, const MixtureNames& names) {
  std::vector<TensorRule> rules = gated_decoder_tensors(spec);
  rules.push_back({names.router, Slot::kRouter});
  rules.push_back({names.gate, Slot::kGate});
  rules.push_back({names.up, Slot::kUp});
  rules.push_back({names.down, Slot::kDown});
  return rules;
}

void refuse_fused_experts(const std::filesystem::path& folder,
                          const std::vector<StoredTensor>& tensors) {
  const auto is_fused = [](const StoredTensor& tensor) {
    return tensor.name.ends_with(".experts.gate_up_proj") ||
           tensor.name.ends_with(".experts.down_proj");
  };
  const auto found = std::find_if(tensors.begin(), tensors.end(), is_fused);
  if (found == tensors.end()) return;
  throw UserError(
      fmt::format("{}: tensor '{}' holds all experts of a layer; allowed: a tensor for each matrix "
                  "of each expert, as save_pretrained() of transformers writes them unless it is "
                  "told save_original_format=False; load the model with transformers and save it "
                  "again",
                  folder.string(), found->name));
}

}  // namespace assay
