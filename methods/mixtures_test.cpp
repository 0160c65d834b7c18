// Methods on mixtures of experts: what they leave alone, and which say that they do not apply.

#include <ATen/ops/count_nonzero.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "harness/method/method.h"
#include "harness/method/recording_context.h"
#include "harness/method/requirements.h"
#include "harness/method/tiny_model.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class OnMixtures : public ::testing::Test {
 protected:
  OnMixtures() {
    register_builtin_methods(registry_);
    write_tiny_model(place_.scratch() / "m", TinyFamily::kQwen3Moe, 11);
    model_ = std::make_unique<Model>(Model::load(place_.scratch() / "m", LoadOptions{}));
  }
  /// The model after a fit on this many sequences of this many tokens.
  [[nodiscard]] Model compressed(const std::string& name, const Json& given, std::int64_t samples,
                                 std::int64_t tokens) {
    const Method& method = registry_.get(name);
    RecordingContext context(at::randint(0, kTinyVocab, {samples, tokens}, at::kLong), 0, {});
    const Params params(method.info().params, given);
    Model changed = model_->clone();
    method.apply(changed, method.fit(*model_, context, params));
    warnings_.clear();
    for (const auto& [code, text] : context.warnings) warnings_.insert(code);
    return changed;
  }
  /// Shares of zeros of the matrices, by "layer.0.expert.3.up".
  static std::map<std::string, double> zeros_of(const Model& model) {
    std::map<std::string, double> zeros;
    for (std::int64_t i = 0; i < model.layer_count(); ++i) {
      const Layer& layer = model.layers()[static_cast<std::size_t>(i)];
      for (const SlotPlace& place : layer.places()) {
        const at::Tensor& weight = layer.dense(place).weight();
        const auto kept = at::count_nonzero(weight).item<std::int64_t>();
        zeros[slot_path(i, place)] =
            1 - static_cast<double>(kept) / static_cast<double>(weight.numel());
      }
    }
    return zeros;
  }
  [[nodiscard]] std::vector<std::string> unmet(const MethodInfo& info) const {
    return unmet_requirements(requirements_of(info), traits(model_->spec()));
  }
  void expect_routers_stay(const Model& changed) const {
    for (const std::int64_t layer : {0, 2}) {
      const ParameterId router{layer, Slot::kRouter, false};
      EXPECT_TRUE(at::equal(changed.parameter(router), model_->parameter(router)));
    }
  }
  RecordingContext place_{{}, 0, {}};
  MethodRegistry registry_;
  std::unique_ptr<Model> model_;
  std::set<std::string> warnings_;
};

TEST_F(OnMixtures, ThoseThatTakeNoExpertsSayWhy) {
  std::set<std::string> apply;
  for (const Method* method : registry_.all()) {
    const MethodInfo info = method->info();
    const std::vector<std::string> reasons = unmet(info);
    if (info.takes_experts) {
      apply.insert(info.name);
      EXPECT_TRUE(reasons.empty()) << info.name;
    } else {
      EXPECT_THAT(reasons, ::testing::Contains(
                               HasSubstr(info.name + " does not work on mixtures of experts")));
    }
  }
  EXPECT_EQ(apply, (std::set<std::string>{"dense", "external", "magnitude", "quantize", "ria",
                                          "shortgpt", "sparsegpt", "wanda"}));
}

TEST_F(OnMixtures, PrunersZeroEveryExpertsMatricesAndNoRouter) {
  for (const char* name : {"magnitude", "wanda", "ria", "sparsegpt"}) {
    const Model changed = compressed(name, {{"sparsity", 0.5}}, 8, 32);
    EXPECT_TRUE(warnings_.empty()) << name;
    const auto zeros = zeros_of(changed);
    EXPECT_EQ(zeros.size(), 3 * 4 + 3 + 2 * 4 * 3U);
    for (const auto& [matrix, share] : zeros) EXPECT_NEAR(share, 0.5, 0.02) << name << matrix;
    expect_routers_stay(changed);
  }
}

TEST_F(OnMixtures, TheBlockOfAnExpertIsAFeedForwardBlock) {
  for (const char* blocks : {"ffn", "attention"}) {
    for (const auto& [matrix, share] : zeros_of(compressed("wanda", {{"blocks", blocks}}, 8, 32))) {
      const bool expert = matrix.find("expert") != std::string::npos;
      const bool ffn =
          expert || matrix == "layer.1.gate" || matrix == "layer.1.up" || matrix == "layer.1.down";
      EXPECT_EQ(share > 0.4, ffn == (std::string(blocks) == "ffn")) << matrix;
    }
  }
}

// One token takes two of four experts: of the others nothing is known. Wanda prunes half of each
// row all the same, SparseGPT takes inputs that were always 0 out, as their published code does.
TEST_F(OnMixtures, ExpertsWithoutCalibrationTokensAreCompressedAsIfTheirInputsWereZero) {
  for (const auto& [matrix, share] : zeros_of(compressed("wanda", {{"sparsity", 0.5}}, 1, 1))) {
    EXPECT_NEAR(share, 0.5, 0.02) << matrix;
  }
  EXPECT_EQ(warnings_.count("idle_experts"), 1U);
  std::set<std::string> emptied;
  for (const auto& [matrix, share] : zeros_of(compressed("sparsegpt", {{"sparsity", 0.5}}, 1, 1))) {
    if (share == 1) emptied.insert(matrix);
  }
  EXPECT_EQ(warnings_.count("idle_experts"), 1U);
  EXPECT_EQ(emptied.size(), 2 * 2 * 3U);  // of both mixtures two experts' three matrices
}

TEST_F(OnMixtures, PackedExpertsComputeWhatTheirCodesSay) {
  const at::Tensor tokens = at::randint(0, kTinyVocab, {2, 12}, at::kLong);
  const at::Tensor before = model_->logits(model_->hidden(tokens));
  for (const char* algorithm : {"rtn", "gptq"}) {
    const Model changed =
        compressed("quantize", {{"algorithm", algorithm}, {"bits", 8}, {"group", 32}}, 8, 32);
    const Layer& layer = changed.layers()[0];
    EXPECT_EQ(dynamic_cast<DenseLinear*>(layer.find({Slot::kUp, 3})), nullptr);
    const at::Tensor after = changed.logits(changed.hidden(tokens));
    EXPECT_FALSE(at::equal(after, before));
    EXPECT_LT(after.sub(before).norm().item<double>() / before.norm().item<double>(), 0.05)
        << algorithm;
    EXPECT_LT(changed.cost().touched_bytes, model_->cost().touched_bytes / 2);
    expect_routers_stay(changed);
  }
}

}  // namespace
}  // namespace assay
