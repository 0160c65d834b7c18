#pragma once
// What decoders with mixtures of experts have in common.

#include <filesystem>
#include <vector>

#include "harness/checkpoint/config_reader.h"
#include "harness/checkpoint/family.h"

namespace assay {

/// What transformers assumes where a key is absent.
struct MixtureForm {
  std::int64_t experts = 0;
  std::int64_t experts_per_token = 0;
};

/// How many experts there are (`num_local_experts` or `num_experts`, which mean the same), and how
/// many of them a token takes: into the shape of all layers.
void read_mixture(ConfigReader& config, ModelSpec& spec, const MixtureForm& absent);

/// Keys of training and of what a pass returns beside its logits.
std::vector<HarmlessKey> mixture_harmless_keys();

/// Names of a layer's router and of the matrices of an expert, as TensorRule has them.
struct MixtureNames {
  const char* router;
  const char* gate;
  const char* up;
  const char* down;
};
/// Those of most families.
inline constexpr MixtureNames kPlainMixtureNames = {
    "layers.{}.mlp.gate", "layers.{}.mlp.experts.{}.gate_proj", "layers.{}.mlp.experts.{}.up_proj",
    "layers.{}.mlp.experts.{}.down_proj"};
/// The table of gated_decoder.h with rows for layers that are mixtures.
std::vector<TensorRule> mixture_tensors(const ModelSpec& spec, const MixtureNames& names);

/// Throws UserError for files that hold the experts of a layer in one tensor, as transformers 5 has
/// them in memory.
void refuse_fused_experts(const std::filesystem::path& folder,
                          const std::vector<StoredTensor>& tensors);

}  // namespace assay
