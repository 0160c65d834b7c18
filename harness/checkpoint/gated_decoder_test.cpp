// Families of LLaMA's form: what they refuse, and what their specs say. Values against transformers
// are in harness/model/config_parity_test.cpp.

#include <cmath>
#include <map>
#include <tuple>

#include "harness/checkpoint/checkpoint_folder.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GatedDecoders : public CheckpointFolder {
 protected:
  ModelSpec spec_with(const char* model, const std::map<std::string, Json>& keys) {
    take(model);
    for (const auto& [key, value] : keys) change(key, value);
    return Checkpoint::open(path()).spec();
  }
};

TEST_F(GatedDecoders, RefuseWhatTheyDoNotRun) {
  const Json dynamic = {{"rope_type", "dynamic"}, {"factor", 2.0}};
  const std::vector<std::tuple<const char*, const char*, Json>> cases = {
      {"gemma", "use_bidirectional_attention", true},
      {"gemma", "hidden_activation", "silu"},
      {"gemma2", "use_bidirectional_attention", true},
      {"gemma2", "hidden_act", "silu"},
      {"gemma2", "query_pre_attn_scalar", 0},
      {"gemma2", "attn_logit_softcapping", -1.0},
      {"gemma3", "rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}},
      {"gemma3", "rope_parameters", {{"rope_type", "default"}}},
      {"gemma3", "rope_parameters", {{"sliding_attention", dynamic}}},
      {"gemma3", "rope_parameters", {{"full_attention", {{"factor", 2.0}}}}},
      {"gemma3", "attn_logit_softcapping", 50.0},
      {"cohere", "use_qk_norm", true},
      {"cohere", "layer_types", {"sliding_attention", "full_attention"}},
      {"olmo", "clip_qkv", 0},
      {"granite", "residual_multiplier", 0},
      {"qwen3", "mlp_bias", true},
      {"smollm3", "no_rope_layers", {1, 0}},
      {"smollm3", "no_rope_layers", {1, 1, 1, 2}},
      {"smollm3", "no_rope_layer_interval", 0},
  };
  for (const auto& [model, key, value] : cases) {
    take(model);
    change(key, value);
    EXPECT_THAT(open_error(), HasSubstr(std::string("'") + key)) << model << " " << key;
  }
}

TEST_F(GatedDecoders, NullSwitchesACapOff) {
  EXPECT_EQ(spec_with("gemma2", {{"attn_logit_softcapping", nullptr}}).attention_softcap, 0);
  const ModelSpec spec = spec_with("gemma2", {{"attn_logit_softcapping", 20.0}});
  EXPECT_EQ(spec.attention_softcap, 20);
  EXPECT_EQ(spec.logit_softcap, 3);
  EXPECT_EQ(spec.attention_scale, 1 / std::sqrt(10.0));
}

TEST_F(GatedDecoders, LayersWithAWindowHaveARotationOfTheirOwn) {
  const Json ropes = {
      {"full_attention", {{"rope_theta", 50.0}}},
      {"sliding_attention", {{"rope_type", "linear"}, {"rope_theta", 9.0}, {"factor", 2.0}}}};
  const ModelSpec spec = spec_with("gemma3", {{"rope_parameters", ropes}});
  EXPECT_EQ(spec.rope_theta, 50);
  EXPECT_EQ(spec.rope_scaling.kind, "none");
  EXPECT_EQ(spec.window_rope_theta, 9);
  EXPECT_EQ(spec.window_rope_scaling.kind, "linear");
  EXPECT_THAT(spec.layer_windows, ElementsAre(7, 0, 7));
}

TEST_F(GatedDecoders, ListsOfLayersThatRotateAreEmptyWhereAllDo) {
  EXPECT_THAT(spec_with("smollm3", {}).layer_rotates, ElementsAre(1, 1, 1, 0));
  EXPECT_TRUE(spec_with("smollm3", {{"no_rope_layers", {1, 1, 1, 1}}}).layer_rotates.empty());
}

TEST_F(GatedDecoders, TraitsTellOfNormsAndCaps) {
  const Json olmo = traits(spec_with("olmo2", {}));
  EXPECT_EQ(olmo.at("norms"), "behind");
  EXPECT_EQ(olmo.at("attention.qk_norm"), "projection");
  const Json gemma = traits(spec_with("gemma2", {}));
  EXPECT_EQ(gemma.at("norms"), "both");
  EXPECT_EQ(gemma.at("attention.softcap"), 2.0);
  EXPECT_NE(why_heads_stay(spec_with("olmo2", {})), "");
  EXPECT_EQ(why_heads_stay(spec_with("gemma3", {})), "");
}

}  // namespace
}  // namespace assay
