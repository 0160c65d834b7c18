// Keys of config.json: read, harmless, refused, or remarked on. Values against transformers are in
// harness/model/config_parity_test.cpp.

#include "harness/checkpoint/checkpoint_folder.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

class Config : public CheckpointFolder {
 protected:
  // The error of the golden configuration with one key changed.
  std::string error_with(const std::string& key, const Json& value) {
    take("llama_gqa");
    change(key, value);
    return open_error();
  }
};

TEST_F(Config, EveryGoldenConfigurationIsWhollyUnderstood) {
  for (const auto& entry : std::filesystem::directory_iterator(golden_model(""))) {
    if (!std::filesystem::exists(entry.path() / "config.json")) continue;
    const Checkpoint checkpoint = Checkpoint::open(entry.path());
    for (const ModelWarning& warning : checkpoint.warnings()) {
      ADD_FAILURE() << entry.path() << ": " << warning.text;
    }
  }
}

TEST_F(Config, UnknownKeysAreNeverPassedOver) {
  change("note_of_the_author", "hello");
  change("absent", nullptr);
  change("use_qk_norm", false);
  EXPECT_THAT(warnings(), ElementsAre(Pair("model_config_key",
                                           AllOf(HasSubstr("'note_of_the_author' is \"hello\""),
                                                 HasSubstr("'use_qk_norm' is false"),
                                                 Not(HasSubstr("absent"))))));
}

TEST_F(Config, KeysThatMayChangeTheModelAreRefused) {
  const std::map<std::string, Json> keys = {{"use_qk_norm", true},
                                            {"attention_multiplier", 0.5},
                                            {"logits_soft_cap", 30.0},
                                            {"final_logit_softcapping", 30.0},
                                            {"attn_logit_softcapping", 50.0},
                                            {"attention_chunk_size", 8192},
                                            {"num_local_experts", 8},
                                            {"embedding_multiplier", 12},
                                            {"no_rope_layers", {1, 0}},
                                            {"alibi", true},
                                            {"rope_interleaved", true},
                                            {"rotary_pct", 0.5},
                                            {"text_config", {{"hidden_size", 48}}},
                                            {"per_layer_config", {{"0", {{"hidden_act", "relu"}}}}},
                                            {"pruned_heads", {{"0", {1}}}},
                                            {"add_cross_attention", true},
                                            {"is_encoder_decoder", true},
                                            {"sliding_window", 16}};
  for (const auto& [key, value] : keys) {
    EXPECT_THAT(error_with(key, value), HasSubstr("config.json: '" + key + "' is")) << key;
  }
}

TEST_F(Config, ConditionsOfFamiliesHold) {
  const std::vector<std::tuple<const char*, const char*, Json>> cases = {
      {"gpt2", "scale_attn_by_inverse_layer_idx", true},
      {"gpt2", "scale_attn_weights", false},
      {"gpt2", "hidden_size", 64},
      {"gpt2", "rope_theta", 10000.0},
      {"bloom", "apply_residual_connection_post_layernorm", true},
      {"bloom", "n_inner", 32},
      {"bloom", "slow_but_exact", true},
      {"llama_gqa", "is_causal", false},
      {"opt", "is_causal", false},
      {"gpt2", "bidirectional", true},
      {"falcon_rw", "num_kv_heads", 3},
      {"falcon_7b", "num_ln_in_parallel_attn", 2},
      {"falcon_40b", "num_ln_in_parallel_attn", 3},
      {"falcon_7b", "partial_rotary_factor", 0.5},
      {"gpt_neox", "rope_theta", 777.0},
      {"gpt_neox", "partial_rotary_factor", 0.5},
      {"opt", "layer_norm_elementwise_affine", false},
      {"opt", "head_dim", 4},
      {"mistral_window", "attention_bias", true},
      {"qwen2", "mlp_bias", true},
      {"qwen2", "layer_types", {"full_attention"}},
      {"qwen2", "layer_types", {"full_attention", "chunked_attention"}},
      {"llama_gqa", "layer_types", {"full_attention", "sliding_attention"}},
      {"llama_gqa", "partial_rotary_factor", 0.5},
      {"llama_gqa", "rope_theta", 0},
      {"phi3", "head_dim", 12},
      {"phi3", "attention_bias", true},
      {"phi3", "rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
      {"phi", "qk_layernorm", true},
      {"phi", "tie_word_embeddings", true},
      {"phi", "rope_parameters", {{"rope_type", "dynamic"}, {"partial_rotary_factor", 0.2}}},
      {"stablelm", "qk_layernorm", true},
      {"gptj", "rotary_dim", nullptr},
      {"gptj", "rotary_dim", 7},
      {"gptj", "rotary_dim", 14},
      {"gptj", "rope_theta", 10000.0},
      {"gptj", "tie_word_embeddings", true},
      {"gpt_neo", "attention_types", Json::array({Json::array({{"global"}, 1})})},
      {"gpt_neo", "attention_types", {"global", "local"}},
      {"gpt_neo", "attention_layers", {"local", "local"}},
      {"gpt_bigcode", "num_key_value_heads", 5},
      {"gpt_bigcode", "add_cross_attention", true},
      {"mpt", "expansion_ratio", 2},
      {"mpt", "no_bias", false},
      {"mpt", "logit_scale", 2.0},
      {"mpt", "attn_config", {{"alibi", false}}},
      {"mpt", "attn_config", {{"alibi_bias_max", 16}}},
      {"mpt", "attn_config", {{"attn_type", "multiquery_attention"}}},
      {"mpt", "attn_config", {{"clip_qkv", -6.0}}},
      {"mpt", "attn_config", {{"qk_ln", true}}},
  };
  for (const auto& [model, key, value] : cases) {
    take(model);
    change(key, value);
    EXPECT_THAT(open_error(), HasSubstr(std::string("'") + key)) << model << " " << key;
  }
}

TEST_F(Config, LayerTypesWithoutAWindowAreRefused) {
  take("qwen2");
  change("layer_types", {"full_attention", "sliding_attention"});
  change("sliding_window", 8);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("'layer_types[1]' is \"sliding_attention\""),
                                  HasSubstr("switched off")));
  change("use_sliding_window", true);
  EXPECT_THAT(Checkpoint::open(path()).spec().layer_windows, ElementsAre(0, 8));
}

TEST_F(Config, EverySubKeyOfTheRopeObjectIsReadOrRefused) {
  const std::vector<std::pair<Json, const char*>> cases = {
      {{{"rope_type", "proportional"}}, "'rope_parameters.rope_type'"},
      {{{"rope_type", "longrope"}, {"short_factor", {1, 1}}},
       "'rope_parameters.short_factor' is [1,1]; allowed: a list of 4 numbers"},
      {{{"rope_type", "longrope"}, {"short_factor", {1, 1, 1, 1}}},
       "'rope_parameters.long_factor' is missing"},
      {{{"rope_type", "default"}, {"mrope_section", {1, 1}}}, "'rope_parameters.mrope_section'"},
      {{{"rope_type", "default"}, {"factor", 4.0}}, "'rope_parameters.factor'"},
      {{{"rope_type", "linear"}}, "'rope_parameters.factor' is missing"},
      {{{"rope_type", "linear"}, {"factor", "4"}}, "'rope_parameters.factor' is \"4\""},
      {{{"rope_type", "linear"}, {"factor", 4.0}, {"beta_fast", 8}}, "'rope_parameters.beta_fast'"},
      {{{"rope_type", "llama3"}, {"factor", 4.0}, {"high_freq_factor", 4.0}},
       "'rope_parameters.low_freq_factor' is missing"},
      {{{"rope_type", "llama3"},
        {"factor", 4.0},
        {"low_freq_factor", 4.0},
        {"high_freq_factor", 1.0}},
       "'rope_parameters.high_freq_factor' is 1"},
      {{{"rope_type", "yarn"}}, "'rope_parameters.factor' is missing"},
      {{{"full_attention", {{"rope_theta", 5.0}}}}, "one rope object for all layers"},
      {Json::array({1}), "'rope_parameters' is [1]"},
  };
  for (const auto& [value, message] : cases) {
    EXPECT_THAT(error_with("rope_parameters", value), HasSubstr(message)) << value;
  }
}

TEST_F(Config, AnOwnHeadWinsOverTheFlag) {
  change("tie_word_embeddings", true);
  EXPECT_THAT(warnings(), ElementsAre(Pair("model_own_head", HasSubstr("'lm_head.weight'"))));
  EXPECT_FALSE(Checkpoint::open(path()).spec().tied_head);
}

TEST_F(Config, AStoredCopyOfATiedHeadIsTied) {
  change("tie_word_embeddings", true);
  rewrite([](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.name != "lm_head.weight") continue;
      for (const StoredTensor& other : tensors) {
        if (other.name == "model.embed_tokens.weight") tensor.bytes = other.bytes;
      }
    }
  });
  EXPECT_THAT(warnings(), IsEmpty());
  EXPECT_TRUE(Checkpoint::open(path()).spec().tied_head);
}

TEST_F(Config, ATiedModelMayHoldTheOneTensorUnderTheHeadsName) {
  change("tie_word_embeddings", true);
  rewrite([](std::vector<StoredTensor>& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.name == "model.embed_tokens.weight"; });
  });
  EXPECT_THAT(warnings(), IsEmpty());
  EXPECT_EQ(Checkpoint::open(path()).bindings().front().tensor, "lm_head.weight");
}

TEST_F(Config, AMissingHeadIsRefusedWhereTheFlagSaysThatThereIsOne) {
  rewrite([](std::vector<StoredTensor>& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.name == "lm_head.weight"; });
  });
  EXPECT_THAT(open_error(), AllOf(HasSubstr("missing tensor 'lm_head.weight'"),
                                  HasSubstr("'tie_word_embeddings' is false")));
  change("tie_word_embeddings", true);
  EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(Config, TensorsThatNobodyReadsAreRemarkedOn) {
  rewrite([](std::vector<StoredTensor>& tensors) {
    StoredTensor extra = tensors.front();
    extra.name = "model.layers.0.self_attn.q_norm.weight";
    tensors.push_back(extra);
    extra.name = "model.layers.0.self_attn.rotary_emb.inv_freq";
    tensors.push_back(extra);
  });
  EXPECT_THAT(warnings(),
              ElementsAre(Pair("model_unused_tensors", AllOf(HasSubstr("1 of the stored tensors"),
                                                             HasSubstr("q_norm.weight")))));
}

TEST_F(Config, AnAdapterBesideTheWeightsIsRemarkedOn) {
  EXPECT_FALSE(warnings().contains("model_adapter"));
  write_bytes(path() / "adapter_config.json", "{}");
  EXPECT_THAT(warnings()["model_adapter"], HasSubstr("is not applied"));
}

TEST_F(Config, ClassesThatAreNoLanguageModelAreRemarkedOn) {
  change("architectures", {"LlamaForSequenceClassification"});
  change("auto_map", {{"AutoModelForCausalLM", "modeling_own.Own"}});
  EXPECT_THAT(warnings()["model_config_key"], AllOf(HasSubstr("LlamaForSequenceClassification"),
                                                    HasSubstr("'auto_map' names code")));
}

}  // namespace
}  // namespace assay
