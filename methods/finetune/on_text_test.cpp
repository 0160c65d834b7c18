// Decoders on text, alone and after a pruner.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/data/training_text.h"
#include "harness/method/method.h"
#include "harness/method/real_text.h"
#include "harness/method/recording_context.h"
#include "harness/model/golden_cases.h"
#include "harness/train/language_model.h"

namespace assay {

void register_finetune(MethodRegistry& registry);

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// Each token says which one follows it.
TrainingText easy_text() {
  TrainingText text{{}, 12};
  for (int i = 0; i < 16 * 12; ++i) text.tokens.push_back(1 + (i * i) % 11);
  return text;
}

/// exp of the mean over the windows' tokens behind the first of -log p, from the logits alone.
double perplexity(const Model& model, const at::Tensor& windows) {
  const at::NoGradGuard guard;
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < windows.size(0); ++w) {
    const at::Tensor tokens = windows.narrow(0, w, 1);
    const at::Tensor log_p = at::log_softmax(model.logits(model.hidden(tokens)).to(at::kDouble), 1);
    for (std::int64_t t = 1; t < windows.size(1); ++t) {
      sum -= log_p[t - 1][tokens[0][t].item<std::int64_t>()].item<double>();
      ++count;
    }
  }
  return std::exp(sum / static_cast<double>(count));
}

at::Tensor windows_of(const TrainingText& text) {
  return at::tensor(std::vector<std::int64_t>(text.tokens.begin(), text.tokens.end()), at::kLong)
      .view({text.windows(), text.window});
}

TrainingText as_text(const at::Tensor& windows) {
  TrainingText text{{}, windows.size(1)};
  for (std::int64_t i = 0; i < windows.numel(); ++i) {
    text.tokens.push_back(static_cast<std::int32_t>(windows.const_data_ptr<std::int64_t>()[i]));
  }
  return text;
}

/// Zeroes this share of each matrix of the layers, the smallest weights.
void prune(Model& model, double share = 0.5) {
  for (const Parameter& parameter : model.parameters()) {
    if (!parameter.id || parameter.id->bias || parameter.id->layer < 0) continue;
    if (parameter.tensor.dim() != 2) continue;
    const at::Tensor size = parameter.tensor.abs();
    const auto place = static_cast<std::int64_t>(share * static_cast<double>(size.numel()));
    at::Tensor(parameter.tensor).mul_(size.gt(std::get<0>(size.flatten().kthvalue(place))));
  }
}

/// Zeros in the layers' matrices, all of them.
std::int64_t zeros_of(const Model& model) {
  std::int64_t zeros = 0;
  for (const Parameter& parameter : model.parameters()) {
    if (!parameter.id || parameter.id->layer < 0 || parameter.tensor.dim() != 2) continue;
    zeros += parameter.tensor.eq(0).sum().item<std::int64_t>();
  }
  return zeros;
}

class FinetuneOnText : public ::testing::Test {
 protected:
  FinetuneOnText() : method_(sole_method(register_finetune)) {}
  Artefact fit(const Model& model, const Json& params) {
    RecordingContext context({}, 1, {});
    context.text_for_training = &text_;
    const Artefact artefact = method_.fit(model, context, Params(method_.info().params, params));
    metrics_ = context.metrics;
    return artefact;
  }
  [[nodiscard]] Model changed(const Model& model, const Artefact& artefact) const {
    Model after = model.clone();
    method_.apply(after, artefact);
    return after;
  }
  [[nodiscard]] std::vector<std::string> unmet(const Model& model, const char* trains) const {
    return method_.unmet(model.spec(), Params(method_.info().params, {{"trains", trains}}));
  }
  const Method& method_;
  TrainingText text_ = easy_text();
  std::map<std::string, double> metrics_;
};

const Json kQuick = {
    {"learning_rate", 3e-3}, {"epochs", 8}, {"batch", 4}, {"dropout", false}, {"warmup", 0}};

Json with(Json params, const Json& more) {
  params.update(more);
  return params;
}

TEST_F(FinetuneOnText, LearnsTheTextWithEveryChoiceOfParameters) {
  const Model model = load_golden("llama_gqa");
  const double before = perplexity(model, windows_of(text_));
  for (const char* trains : {"all", "lora", "head"}) {
    const Artefact artefact = fit(model, with(kQuick, {{"trains", trains}}));
    EXPECT_EQ(metrics_.at("train/steps"), 8 * 4) << trains;
    EXPECT_FALSE(artefact.plan.contains("labels"));
    EXPECT_LT(perplexity(changed(model, artefact), windows_of(text_)), 0.8 * before) << trains;
  }
}

TEST_F(FinetuneOnText, IsTheTrainerWithTheSettings) {
  const Model model = load_golden("gpt2");
  const Model trained = changed(model, fit(model, kQuick));
  Model twin = model.clone();
  LanguageModelTraining settings;
  settings.loop.epochs = 8;
  settings.loop.batch = 4;
  settings.loop.learning_rate = 3e-3;
  settings.loop.warmup = 0;
  settings.loop.seed = 1;
  settings.parameters.dropout = false;
  settings.parameters.keep_zeros = true;
  settings.window = 12;
  (void)train_language_model(twin, text_.tokens, {}, settings);
  EXPECT_EQ(trained.content_hash(), twin.content_hash());
  EXPECT_NE(trained.content_hash(), model.content_hash());
}

TEST_F(FinetuneOnText, TheHeadAloneIsTheVocabularyHead) {
  const Artefact artefact =
      fit(load_golden("llama_gqa"), with(kQuick, {{"trains", "head"}, {"epochs", 1}}));
  ASSERT_EQ(artefact.tensors.size(), 1U);
  EXPECT_EQ(artefact.tensors.begin()->first, "head.weight");
}

TEST_F(FinetuneOnText, ATiedHeadIsNotTrainedAlone) {
  const Model tied = load_golden("gpt2"), free = load_golden("llama_gqa");
  EXPECT_THAT(unmet(tied, "head"), ElementsAre(HasSubstr("set trains = all or lora")));
  EXPECT_THAT(unmet(tied, "lora"), IsEmpty());
  EXPECT_THAT(unmet(free, "head"), IsEmpty());
}

TEST_F(FinetuneOnText, LoraLeavesEmbeddingsNormsAndHeadAsTheyAre) {
  const Artefact artefact =
      fit(load_golden("llama_gqa"), with(kQuick, {{"trains", "lora"}, {"epochs", 1}}));
  EXPECT_FALSE(artefact.tensors.empty());
  for (const auto& [name, tensor] : artefact.tensors) {
    EXPECT_THAT(name, testing::MatchesRegex("layer\\.[0-9]+\\.(q|k|v|o|gate|up|down)\\.weight"));
  }
}

TEST_F(FinetuneOnText, ZerosOfAPrunerStayZeros) {
  Model model = load_golden("llama_gqa");
  prune(model);
  for (const char* trains : {"all", "lora"}) {
    const auto zeros_after = [&](bool keep) {
      const Json params = with(kQuick, {{"trains", trains}, {"keep_zeros", keep}, {"epochs", 2}});
      return zeros_of(changed(model, fit(model, params)));
    };
    EXPECT_EQ(zeros_after(true), zeros_of(model)) << trains;
    EXPECT_LT(zeros_after(false), zeros_of(model) / 10) << trains;
  }
}

// What is merged computes what was trained: the last loss that the loop saw is the artefact's.
TEST_F(FinetuneOnText, WhatLoraTrainedIsWhatIsMerged) {
  Model model = load_golden("llama_gqa");
  prune(model);
  const Artefact artefact = fit(model, with(kQuick, {{"trains", "lora"}, {"dev_share", 0.25}}));
  const at::Tensor held = windows_of(text_).narrow(0, 12, 4);
  EXPECT_NEAR(std::log(perplexity(changed(model, artefact), held)), metrics_.at("train/dev_loss"),
              1e-4);
}

TEST_F(FinetuneOnText, TheLastWindowsAreHeldOut) {
  const Model model = load_golden("gpt2");
  const Artefact artefact = fit(model, with(kQuick, {{"dev_share", 0.25}, {"epochs", 2}}));
  EXPECT_EQ(metrics_.at("train/steps"), 2 * 3);
  const at::Tensor held = windows_of(text_).narrow(0, 12, 4);
  EXPECT_NEAR(std::log(perplexity(changed(model, artefact), held)), metrics_.at("train/dev_loss"),
              1e-4);
  text_.tokens.resize(12);
  EXPECT_THAT(
      [&] {
        (void)fit(model, with(kQuick, {{"dev_share", 0.25}}));
      },
      ThrowsMessage<UserError>(HasSubstr("leaves none of the 1 windows to train on")));
}

TEST_F(FinetuneOnText, RecoversWhatPruningCostARealModel) {
  const std::filesystem::path folder = real_model("tiny-opt-relu");
  if (folder.empty()) GTEST_SKIP() << "set ASSAY_MODELS and ASSAY_DATA";
  Model model = Model::load(folder, {});
  const at::Tensor held = real_tokens(folder, "tiny-corpus/held.txt", 12, 128);
  const double dense = perplexity(model, held);
  prune(model, 0.75);
  text_ = as_text(real_tokens(folder, "tiny-corpus/calibration.txt", 96, 128).contiguous());
  const double pruned = perplexity(model, held);
  const std::int64_t zeros = zeros_of(model);
  const Json params = {{"learning_rate", 3e-4}, {"epochs", 1}, {"batch", 4}};
  const Model trained = changed(model, fit(model, params));
  const double recovered = perplexity(trained, held);
  EXPECT_GT(pruned, 1.2 * dense);
  EXPECT_LT(std::log(recovered / dense), 0.7 * std::log(pruned / dense))
      << dense << " " << pruned << " " << recovered;
  EXPECT_EQ(zeros_of(trained), zeros);
}

}  // namespace
}  // namespace assay
