// Choices against plain loops, on small random models.
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/base/errors.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "methods/shortgpt/choice.h"

namespace assay {
void register_shortgpt(MethodRegistry& registry);

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kSamples = 5;
constexpr std::int64_t kTokens = 16;

const Method& method() { return sole_method(register_shortgpt); }

Params params(const Json& given) { return {method().info().params, given}; }

std::vector<std::int64_t> dropped(const Artefact& artefact) {
  return artefact.plan.at("dropped").get<std::vector<std::int64_t>>();
}

at::Tensor random_tokens(const Model& model) {
  return at::randint(0, model.spec().vocab, {kSamples, kTokens}, at::kLong);
}

/// One row after the other, in double.
double naive_influence(const at::Tensor& before, const at::Tensor& after) {
  const std::int64_t rows = before.size(0), width = before.size(1);
  double sum = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* x = before.const_data_ptr<float>() + r * width;
    const float* y = after.const_data_ptr<float>() + r * width;
    double xy = 0, xx = 0, yy = 0;
    for (std::int64_t c = 0; c < width; ++c) {
      xy += double{x[c]} * y[c];
      xx += double{x[c]} * x[c];
      yy += double{y[c]} * y[c];
    }
    sum += xy / std::sqrt(xx * yy);
  }
  return 1 - sum / static_cast<double>(rows);
}

/// Mean loss of a whole model, from its logits.
double naive_loss(const Model& model, const at::Tensor& tokens) {
  const at::Tensor scores = at::log_softmax(model.logits(model.hidden(tokens)).to(at::kDouble), 1)
                                .view({tokens.size(0), tokens.size(1), -1});
  double sum = 0;
  for (std::int64_t s = 0; s < tokens.size(0); ++s) {
    for (std::int64_t t = 1; t < tokens.size(1); ++t) {
      sum -= scores[s][t - 1][tokens[s][t].item<std::int64_t>()].item<double>();
    }
  }
  return sum / static_cast<double>(tokens.size(0) * (tokens.size(1) - 1));
}

/// Drops the best layer of what is left, as often as asked, by making each smaller model.
std::vector<std::int64_t> naive_search(const Model& model, const at::Tensor& tokens, int count) {
  Model current = model.clone();
  std::vector<std::int64_t> left, gone;
  for (std::int64_t i = 0; i < model.layer_count(); ++i) left.push_back(i);
  for (int round = 0; round < count; ++round) {
    std::size_t best = 0;
    double lowest = INFINITY;
    for (std::size_t i = 0; i < left.size(); ++i) {
      Model smaller = current.clone();
      smaller.drop_layer(static_cast<std::int64_t>(i));
      const double loss = naive_loss(smaller, tokens);
      if (loss >= lowest) continue;
      best = i;
      lowest = loss;
    }
    current.drop_layer(static_cast<std::int64_t>(best));
    gone.push_back(left[best]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return gone;
}

class ShortGpt : public ::testing::TestWithParam<TinyFamily> {
 protected:
  ShortGpt() {
    write_tiny_model(folder(), GetParam(), 21);
    model_ = std::make_unique<Model>(Model::load(folder(), {}));
    tokens_ = random_tokens(*model_);
  }
  [[nodiscard]] std::filesystem::path folder() const { return place_.scratch() / "model"; }
  [[nodiscard]] Artefact fit(const Json& given, std::uint64_t seed = 0) {
    const bool random = given.value("by", "") == "random";
    context_ = std::make_unique<RecordingContext>(random ? at::Tensor() : tokens_, seed, folder());
    return method().fit(*model_, *context_, params(given));
  }
  RecordingContext place_{{}, 0, {}};
  std::unique_ptr<Model> model_;
  at::Tensor tokens_;
  std::unique_ptr<RecordingContext> context_;
};

TEST_P(ShortGpt, InfluencesEqualPlainLoopsAndTheLowestGo) {
  const Artefact artefact = fit({{"layers", 2}});
  std::vector<std::pair<double, std::int64_t>> expected;
  at::Tensor rows = model_->embed(tokens_);
  for (std::int64_t i = 0; i < model_->layer_count(); ++i) {
    const Layer& layer = model_->layers()[static_cast<std::size_t>(i)];
    const at::Tensor after = model_->run_layer(layer, i, rows, kSamples);
    expected.emplace_back(naive_influence(rows, after), i);
    EXPECT_NEAR(context_->metrics.at("block_influence/layer." + std::to_string(i)),
                expected.back().first, 1e-6);
    rows = after;
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_THAT(dropped(artefact), ElementsAre(expected[0].second, expected[1].second));
  EXPECT_EQ(context_->metrics.at("dropped_layers"), 2);
  EXPECT_EQ(artefact.plan.at("scores").at(0).size(), 3U);
  EXPECT_THAT(artefact.tensors, IsEmpty());
}

TEST_P(ShortGpt, TheSearchEqualsMakingEverySmallerModel) {
  const Artefact artefact = fit({{"layers", 2}, {"by", "perplexity"}});
  EXPECT_EQ(dropped(artefact), naive_search(*model_, tokens_, 2));
  EXPECT_NEAR(std::log(context_->metrics.at("perplexity/dense")), naive_loss(*model_, tokens_),
              1e-5);
  Model smaller = model_->clone();
  method().apply(smaller, artefact);
  EXPECT_NEAR(std::log(context_->metrics.at("perplexity/dropped.2")), naive_loss(smaller, tokens_),
              1e-5);
  EXPECT_EQ(artefact.plan.at("scores").at(1).size(), 2U);
}

TEST(ShortGptSearch, KeepsTheWindowsOfTheLayersThatStay) {
  const Model model = load_golden("mistral_window");
  const at::Tensor tokens = random_tokens(model);
  RecordingContext context(tokens, 0, {});
  const Artefact artefact =
      method().fit(model, context, params({{"layers", 1}, {"by", "perplexity"}}));
  EXPECT_EQ(dropped(artefact), naive_search(model, tokens, 1));
}

TEST_P(ShortGpt, OnlyTheLayersThatStayAreRun) {
  Artefact artefact;
  artefact.plan["dropped"] = {0, 2};
  Model smaller = model_->clone();
  method().apply(smaller, artefact);
  const at::Tensor rows =
      model_->run_layer(model_->layers()[1], 1, model_->embed(tokens_), kSamples);
  EXPECT_LE(relative_error(smaller.hidden(tokens_), model_->finish(rows)), 1e-6);
  EXPECT_EQ(smaller.spec().layers, 1);
}

TEST_P(ShortGpt, ALotDropsAsManyAndAnotherSeedOthers) {
  std::set<std::vector<std::int64_t>> seen;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const std::vector<std::int64_t> gone = dropped(fit({{"layers", 2}, {"by", "random"}}, seed));
    EXPECT_EQ(gone.size(), 2U);
    EXPECT_NE(gone[0], gone[1]);
    EXPECT_EQ(gone, dropped(fit({{"layers", 2}, {"by", "random"}}, seed)));
    seen.insert(gone);
  }
  EXPECT_GT(seen.size(), 2U);
}

TEST_P(ShortGpt, NoLayerLessIsTheSameModel) {
  for (const char* by : {"influence", "perplexity", "random"}) {
    Model same = model_->clone();
    method().apply(same, fit({{"layers", 0}, {"by", by}}));
    EXPECT_TRUE(
        at::equal(same.logits(same.hidden(tokens_)), model_->logits(model_->hidden(tokens_))));
  }
}

TEST_P(ShortGpt, ChoosesTheSameOnAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const char* by : {"influence", "perplexity"}) {
    at::set_num_threads(1);
    const auto alone = dropped(fit({{"layers", 2}, {"by", by}}));
    at::set_num_threads(2);
    EXPECT_EQ(alone, dropped(fit({{"layers", 2}, {"by", by}})));
  }
  at::set_num_threads(threads);
}

TEST_P(ShortGpt, AppliesToABfloat16Model) {
  const Artefact artefact = fit({{"layers", 1}});
  LoadOptions options;
  options.dtype = at::kBFloat16;
  Model half = Model::load(folder(), options);
  Model full = model_->clone();
  method().apply(half, artefact);
  method().apply(full, artefact);
  EXPECT_EQ(half.layer_count(), 2);
  EXPECT_LE(relative_error(half.logits(half.hidden(tokens_)), full.logits(full.hidden(tokens_))),
            0.05);
}

TEST_P(ShortGpt, SaysWhatDoesNotApply) {
  const ModelSpec& spec = model_->spec();
  EXPECT_THAT(method().unmet(spec, params({{"layers", 2}})), IsEmpty());
  EXPECT_THAT(method().unmet(spec, params({{"layers", 3}})),
              ElementsAre(HasSubstr("set layers to 2 or less")));
  ModelSpec encoder = spec;
  encoder.causal = false;
  EXPECT_THAT(method().unmet(encoder, params({{"by", "perplexity"}})),
              ElementsAre(HasSubstr("set by to 'influence'")));
  EXPECT_THAT(method().unmet(encoder, params({})), IsEmpty());
}

TEST_P(ShortGpt, NamesTheSettingWhenThereIsNothingToPredict) {
  tokens_ = tokens_.narrow(1, 0, 1);
  try {
    static_cast<void>(fit({{"by", "perplexity"}}));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("calibration.tokens"));
  }
}

TEST(ShortGptOnEncoders, DropsTheLayerOfTheLowestInfluence) {
  const Model model = Model::load(encoder_folder() / "bert_mlm", {});
  const at::Tensor tokens = at::randint(0, model.spec().vocab, {3, 12}, at::kLong);
  RecordingContext context(tokens, 0, {});
  const std::vector<std::int64_t> gone =
      dropped(method().fit(model, context, params({{"layers", 1}})));
  const double lowest = context.metrics.at("block_influence/layer." + std::to_string(gone.front()));
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    EXPECT_LE(lowest, context.metrics.at("block_influence/layer." + std::to_string(i)));
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, ShortGpt, ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace assay
