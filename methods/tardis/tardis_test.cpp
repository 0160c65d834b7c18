// The whole method, on small random models and, where they are at hand, on trained ones.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "harness/base/errors.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {
void register_tardis(MethodRegistry& registry);
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

at::Tensor random_tokens(std::int64_t samples, std::int64_t tokens) {
  return at::randint(0, kTinyVocab, {samples, tokens}, at::detail::createCPUGenerator(7),
                     at::kLong);
}

class Tardis : public ::testing::Test {
 protected:
  Tardis() : method_(register_method()) {}

  const Method& register_method() {
    register_tardis(registry_);
    return registry_.get("tardis");
  }
  [[nodiscard]] Params params(const Json& given) const { return {method_.info().params, given}; }
  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec, const Json& given) const {
    return method_.unmet(spec, params(given));
  }
  static Model random_model(TinyFamily family) {
    const RecordingContext place({}, 0, {});
    write_tiny_model(place.scratch() / "m", family, 5);
    return Model::load(place.scratch() / "m", LoadOptions{});
  }

  c10::InferenceMode inference_;
  MethodRegistry registry_;
  const Method& method_;
};

ModelSpec plain_spec() {
  ModelSpec spec;
  spec.layers = 6;
  spec.width = 256;
  spec.shape.ffn_width = 1024;
  return spec;
}

TEST_F(Tardis, ATargetThatNoFallbackMeetsNamesTheNearest) {
  EXPECT_THAT(unmet(plain_spec(), {{"target_ratio", 0.875}}), IsEmpty());
  EXPECT_THAT(unmet(plain_spec(), {{"target_ratio", 0.9}}), ElementsAre(HasSubstr("0.8750")));
  const Json counted = {{"target_ratio", 0.85}, {"ratio_definition", "with_predictor"}};
  EXPECT_THAT(unmet(plain_spec(), counted), ElementsAre(HasSubstr("0.8066")));
  EXPECT_THAT(unmet(plain_spec(), {{"target_ratio", 0.9}, {"fallback", 0.0}}), IsEmpty());
}

TEST_F(Tardis, GatedBlocksAreUnmetWithTheReason) {
  ModelSpec gated = plain_spec();
  gated.ffn_gated = true;
  EXPECT_THAT(unmet(gated, Json::object()), ElementsAre(HasSubstr("ffn.gated must be false")));
  EXPECT_THAT(unmet(gated, {{"gate_mode", "ols"}}), IsEmpty());
  EXPECT_THAT(unmet(gated, {{"gate_mode", "ols"}, {"fallback", 0.1}}),
              ElementsAre(HasSubstr("fallback must stay 0")));
  EXPECT_THAT(unmet(plain_spec(), {{"gate_mode", "const"}}),
              ElementsAre(HasSubstr("gated blocks")));
}

TEST_F(Tardis, ParametersThatDoNotFitTheModelAreUnmet) {
  EXPECT_THAT(unmet(plain_spec(), {{"skip_layers", {0, 6}}}), ElementsAre(HasSubstr("0 to 5")));
  EXPECT_THAT(unmet(plain_spec(), {{"predictor", "low_rank"}, {"predictor_rank", 205}}),
              ElementsAre(HasSubstr("saves nothing")));
  EXPECT_THAT(unmet(plain_spec(), {{"predictor", "low_rank"}, {"predictor_rank", 204}}), IsEmpty());
  EXPECT_THAT(unmet(plain_spec(), {{"predictor_group", 100}}), ElementsAre(HasSubstr("32")));
}

TEST_F(Tardis, CarriesBothNames) {
  EXPECT_THAT(method_.info().summary, HasSubstr("LLMFolder"));
  EXPECT_THAT(method_.info().citation, HasSubstr("2501.10054"));
}

TEST_F(Tardis, TooFewTokensAreRegularisedAndSaidSo) {
  const Model model = random_model(TinyFamily::kOpt);
  RecordingContext few(random_tokens(2, 16), 0, {});
  static_cast<void>(method_.fit(model, few, params({{"fallback", 0.1}})));
  EXPECT_THAT(few.warnings,
              Contains(Pair("few_calibration_tokens", HasSubstr("16 calibration tokens"))));
  RecordingContext enough(random_tokens(8, 32), 0, {});
  static_cast<void>(method_.fit(model, enough, params({{"fallback", 0.1}})));
  EXPECT_THAT(enough.warnings, IsEmpty());
}

TEST_F(Tardis, OneSampleLeavesNothingToHoldOut) {
  const Model model = random_model(TinyFamily::kOpt);
  RecordingContext context(random_tokens(1, 48), 0, {});
  static_cast<void>(method_.fit(model, context, params({{"fallback", 0.1}})));
  EXPECT_EQ(context.metrics.count("fallback/planned"), 1u);
  EXPECT_EQ(context.metrics.count("fallback/realised"), 0u);
}

TEST_F(Tardis, ActivationsThatAreNotFiniteAreAnErrorThatNamesTheLayer) {
  Model model = random_model(TinyFamily::kOpt);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  model.layers()[1].dense(Slot::kUp).bias().narrow(0, 3, 1).fill_(nan);
  RecordingContext context(random_tokens(8, 32), 0, {});
  try {
    static_cast<void>(method_.fit(model, context, params({{"fallback", 0.1}})));
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 1"));
  }
}

TEST_F(Tardis, SkippedLayersStayAndFirstTokensDoNotCount) {
  Model model = random_model(TinyFamily::kOpt);
  const at::Tensor tokens = random_tokens(8, 32);
  RecordingContext context(tokens, 0, {});
  const Artefact artefact = method_.fit(
      model, context, params({{"fallback", 0.1}, {"skip_layers", {1}}, {"skip_first_tokens", 2}}));
  method_.apply(model, artefact);
  EXPECT_EQ(model.layers()[0].ffn->linear(Slot::kUp), nullptr);
  EXPECT_NE(model.layers()[1].ffn->linear(Slot::kUp), nullptr);
  EXPECT_FALSE(model.prefill_equals_decode());
}

TEST_F(Tardis, DecodingComputesWhatWasScored) {
  for (const char* predictor : {"gptq2", "rtn4", "low_rank", "oracle"}) {
    Model model = random_model(TinyFamily::kOpt);
    const at::Tensor tokens = random_tokens(8, 32);
    RecordingContext context(tokens, 0, {});
    method_.apply(model, method_.fit(model, context,
                                     params({{"fallback", 0.15},
                                             {"predictor", predictor},
                                             {"predictor_group", 32},
                                             {"prefill", "per_token"}})));
    const at::Tensor text = tokens.narrow(0, 0, 1), scored = model.hidden(text);
    KvCache cache(model.spec(), 1, 32, at::kFloat, at::kCPU);
    EXPECT_TRUE(model.prefill_equals_decode());
    at::Tensor stepped = model.hidden_step(text.narrow(1, 0, 4), cache);
    EXPECT_TRUE(stepped.allclose(scored.narrow(0, 0, 4), 1e-3, 1e-4)) << predictor;
    for (std::int64_t i = 4; i < 32; ++i) {
      stepped = model.hidden_step(text.narrow(1, i, 1), cache);
      EXPECT_TRUE(stepped.allclose(scored.narrow(0, i, 1), 1e-3, 1e-4)) << predictor << " " << i;
    }
  }
}

// ---- Trained models
// -------------------------------------------------------------------------------

class TardisOnTrained : public Tardis, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    const char* models = std::getenv("ASSAY_MODELS");
    if (models == nullptr || !fs::exists(fs::path(models) / GetParam())) {
      GTEST_SKIP() << "ASSAY_MODELS has no " << GetParam();
    }
    model_.emplace(Model::load(fs::path(models) / GetParam(), LoadOptions{}));
    tokens_ = own_text();
  }

  /// 24 sequences that the model wrote itself: text with its structure, without a tokenizer.
  [[nodiscard]] at::Tensor own_text() const {
    at::Tensor tokens = at::randint(5, model_->spec().vocab, {24, 8}, generator(), at::kLong);
    KvCache cache(model_->spec(), 24, 96, at::kFloat, at::kCPU);
    at::Tensor last = tokens;
    while (tokens.size(1) < 96) {
      const at::Tensor hidden = model_->hidden_step(last, cache);
      const at::Tensor logits = model_->logits(
          hidden.view({24, last.size(1), hidden.size(1)}).select(1, last.size(1) - 1).contiguous());
      last = logits.softmax(-1).multinomial(1, false, generator());
      tokens = at::cat({tokens, last}, 1);
    }
    return tokens;
  }
  [[nodiscard]] static at::Generator generator() {
    static at::Generator source = at::detail::createCPUGenerator(7);
    return source;
  }
  std::map<std::string, double> metrics_of(Json given) {
    given["bins"] = 128;
    RecordingContext context(tokens_, 0, {});
    static_cast<void>(method_.fit(*model_, context, params(given)));
    return context.metrics;
  }

  std::optional<Model> model_;
  at::Tensor tokens_;
};

double mean_nmse(const std::map<std::string, double>& metrics) {
  double sum = 0;
  for (int i = 0; i < 6; ++i) sum += metrics.at(fmt::format("nmse/layer.{}", i));
  return sum / 6;
}

TEST_P(TardisOnTrained, RealisedFallbackIsThePlannedOne) {
  const std::pair<const char*, double> cases[] = {
      {"gptq2", 0.02}, {"gptq2", 0.15}, {"oracle", 0.075}};
  for (const auto& [predictor, fallback] : cases) {
    const auto metrics = metrics_of({{"fallback", fallback}, {"predictor", predictor}});
    EXPECT_NEAR(metrics.at("fallback/planned"), fallback, 0.001);
    EXPECT_NEAR(metrics.at("fallback/realised"), fallback, 0.015) << predictor;
    EXPECT_NEAR(metrics.at("size/paper_ratio"), 0.875 - metrics.at("fallback/realised"), 1e-6);
  }
}

TEST_P(TardisOnTrained, ErrorFallsAsMoreIsComputedExactlyAndTheOracleMissesNothing) {
  double before = std::numeric_limits<double>::infinity();
  for (const double fallback : {0.0, 0.06, 0.3}) {
    const auto metrics = metrics_of({{"fallback", fallback}, {"predictor", "oracle"}});
    EXPECT_LT(mean_nmse(metrics), before);
    before = mean_nmse(metrics);
    for (int i = 0; i < 6; ++i) {
      EXPECT_NEAR(metrics.at(fmt::format("predictor/layer.{}/recall", i)), 1, 0.01);
    }
  }
}

TEST_P(TardisOnTrained, AGuardRaisesRecall) {
  const auto bare = metrics_of({{"fallback", 0.1}, {"kappa", 0.0}});
  const auto guarded = metrics_of({{"fallback", 0.1}, {"kappa", 1.0}});
  for (int i = 0; i < 6; ++i) {
    const std::string recall = fmt::format("predictor/layer.{}/recall", i);
    EXPECT_GT(guarded.at(recall), bare.at(recall));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TardisOnTrained,
                         ::testing::Values("tiny-opt-relu", "tiny-gpt2-gelu"),
                         [](const auto& test) { return std::string(test.param).substr(5, 3); });

}  // namespace
}  // namespace assay
