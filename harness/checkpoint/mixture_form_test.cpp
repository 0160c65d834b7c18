// Families with mixtures of experts: what their configurations and files say, and what is refused.

#include "harness/checkpoint/mixture_form.h"

#include <map>
#include <tuple>

#include "harness/checkpoint/checkpoint_folder.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Mixtures = CheckpointFolder;

TEST_F(Mixtures, RefuseWhatTheyDoNotRun) {
  const std::vector<std::tuple<const char*, const char*, Json>> cases = {
      {"mixtral", "num_experts_per_tok", 5},
      {"mixtral", "num_local_experts", 0},
      {"mixtral", "num_experts", 3},
      {"mixtral", "attention_bias", true},
      {"mixtral", "layer_types", {"sliding_attention", "full_attention"}},
      {"mixtral", "norm_topk_prob", true},
      {"qwen3_moe", "mlp_only_layers", {-1}},
      {"qwen3_moe", "mlp_only_layers", 2},
      {"qwen3_moe", "decoder_sparse_step", 0},
      {"qwen3_moe", "norm_topk_prob", 1},
      {"qwen3_moe", "shared_expert_intermediate_size", 8},
      {"olmoe", "clip_qkv", 0},
      {"olmoe", "head_dim", 8},
      {"olmoe", "sliding_window", 4},
      {"llama", "num_local_experts", 4},
  };
  for (const auto& [model, key, value] : cases) {
    take(std::string(model) == "llama" ? "llama_gqa" : model);
    change(key, value);
    EXPECT_THAT(open_error(), HasSubstr(std::string("'") + key)) << model << " " << key;
  }
}

TEST_F(Mixtures, TraitsTellOfExperts) {
  take("mixtral");
  const Json all = traits(Checkpoint::open(path()).spec());
  EXPECT_EQ(all.at("ffn.experts"), 4);
  EXPECT_EQ(all.at("ffn.experts_per_token"), 2);
  EXPECT_EQ(all.at("ffn.width"), 48);
  EXPECT_EQ(all.at("layers.alike"), true);
  take("qwen3_moe_mixed_tied");
  const ModelSpec spec = Checkpoint::open(path()).spec();
  const Json mixed = traits(spec);
  EXPECT_EQ(mixed.at("ffn.experts"), (Json{0, 6, 0}));
  EXPECT_EQ(mixed.at("ffn.width"), (Json{56, 24, 56}));
  EXPECT_EQ(mixed.at("layers.alike"), false);
  EXPECT_TRUE(has_experts(spec));
  take("llama_gqa");
  const ModelSpec plain = Checkpoint::open(path()).spec();
  EXPECT_EQ(traits(plain).at("ffn.experts"), 0);
  EXPECT_FALSE(has_experts(plain));
}

TEST_F(Mixtures, ExpertsInOneTensorAreRefusedByName) {
  take("olmoe");
  const std::string fused = "model.layers.0.mlp.experts.gate_up_proj";
  rewrite([&](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.name == "model.layers.0.mlp.experts.0.gate_proj.weight") tensor.name = fused;
    }
  });
  EXPECT_THAT(open_error(), AllOf(HasSubstr("'" + fused + "' holds all experts of a layer"),
                                  HasSubstr("save_original_format")));
}

TEST_F(Mixtures, AnExpertThatIsMissingIsNamed) {
  take("mixtral");
  rewrite([](std::vector<StoredTensor>& tensors) {
    std::erase_if(tensors, [](const StoredTensor& tensor) {
      return tensor.name == "model.layers.1.block_sparse_moe.experts.3.w3.weight" ||
             tensor.name == "model.layers.0.block_sparse_moe.gate.weight";
    });
  });
  EXPECT_THAT(
      open_error(),
      AllOf(HasSubstr("missing tensor 'model.layers.1.block_sparse_moe.experts.3.w3.weight' of "
                      "shape [48, 40]"),
            HasSubstr("missing tensor 'model.layers.0.block_sparse_moe.gate.weight' of shape "
                      "[4, 40]")));
}

}  // namespace
}  // namespace assay
