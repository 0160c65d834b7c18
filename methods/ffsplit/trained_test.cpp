// What the paper says of trained models, on two small ones with real text: orderings, no figures.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randperm.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/method/masks.h"
#include "harness/method/real_text.h"
#include "harness/method/recording_context.h"
#include "methods/ffsplit/scores.h"

namespace assay {
void register_ffsplit(MethodRegistry& registry);
namespace ffsplit {
namespace {

constexpr std::int64_t kTokens = 128, kSamples = 8;

class Trained : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = real_model(GetParam());
    if (folder.empty()) GTEST_SKIP() << "needs ASSAY_MODELS, ASSAY_DATA and ASSAY_PYTHON";
    model_ = std::make_unique<Model>(Model::load(folder, {}));
    calibration_ = real_tokens(folder, "tiny-corpus/calibration.txt", 2 * kSamples, kTokens);
    held_ = real_tokens(folder, "tiny-corpus/held.txt", kSamples, kTokens);
  }

  [[nodiscard]] double loss(const Model& model) const {
    const at::Tensor hidden = model.hidden(held_).view({kSamples, kTokens, -1});
    const at::Tensor before = hidden.narrow(1, 0, kTokens - 1).flatten(0, 1);
    const at::Tensor next = held_.narrow(1, 1, kTokens - 1).flatten();
    return -model.log_likelihood(before, next).to(at::kDouble).mean().item<double>();
  }

  /// Scores of every layer on some of the calibration sequences.
  [[nodiscard]] std::vector<at::Tensor> scores(std::int64_t first, std::int64_t count) const {
    RecordingContext context(calibration_.narrow(0, first, count), 0, {});
    std::vector<at::Tensor> found;
    for_each_layer(
        *model_, context, {CalibrateOn::kDense}, [&](LayerVisit& visit) -> std::optional<Layer> {
          FfnRecorder recorder({});
          visit.observe(recorder);
          const at::Tensor norms =
              visit.layer().dense(Slot::kDown).weight().to(at::kDouble).norm(2, 0);
          found.push_back(score_neurons(ScoreMode::kNormTimesDown, recorder.neurons(), norms));
          return std::nullopt;
        });
    return found;
  }

  /// Loss of the model without `count` neurons of each layer.
  template <typename Choose>
  [[nodiscard]] double loss_without(const Choose& choose) const {
    Model model = model_->clone();
    for (std::size_t i = 0; i < model.layers().size(); ++i) {
      model.layers()[i].dense(Slot::kDown).weight().index_fill_(1, choose(i), 0);
    }
    return loss(model);
  }

  [[nodiscard]] Artefact fit(const Json& given, RecordingContext& context) const {
    MethodRegistry registry;
    register_ffsplit(registry);
    const Method& method = registry.get("ffsplit");
    return method.fit(*model_, context, Params(method.info().params, given));
  }

  /// Mean over layers of ||FFN'(X) - FFN(X)|| / ||FFN(X)|| on held-out text.
  [[nodiscard]] double output_error(const Artefact& artefact) const {
    MethodRegistry registry;
    register_ffsplit(registry);
    Model changed = model_->clone();
    registry.get("ffsplit").apply(changed, artefact);
    RecordingContext context(held_, 0, {});
    double sum = 0;
    for_each_layer(
        *model_, context, {CalibrateOn::kDense}, [&](LayerVisit& visit) -> std::optional<Layer> {
          sum += error_of(visit, *changed.layers()[static_cast<std::size_t>(visit.index())].ffn);
          return std::nullopt;
        });
    return sum / static_cast<double>(model_->layer_count());
  }

  std::unique_ptr<Model> model_;
  at::Tensor calibration_, held_;
  c10::InferenceMode inference_;

 private:
  struct Inputs final : ActivationRecorder {
    std::vector<at::Tensor> batches;
    void record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext&) override {
      if (tap == Tap::kFfnInput) batches.push_back(rows.clone());
    }
  };
  static double error_of(LayerVisit& visit, const Ffn& changed) {
    Inputs inputs;
    visit.observe(inputs);
    const at::Tensor x = at::cat(inputs.batches);
    StepContext step;
    const at::Tensor expected = visit.layer().ffn->forward(x, step);
    return ((changed.forward(x, step) - expected).norm() / expected.norm()).item<double>();
  }
};

TEST_P(Trained, DeletingHeavyHittersHurtsMost) {
  const std::vector<at::Tensor> all = scores(0, 2 * kSamples);
  const std::int64_t neurons = all.front().size(0);
  const std::int64_t count = neurons * 3 / 100;
  const double dense = loss(*model_);
  const double heavy = loss_without([&](std::size_t i) { return heaviest(all[i], count); });
  const double light = loss_without([&](std::size_t i) { return heaviest(-all[i], count); });
  const double random = loss_without(
      [&](std::size_t) { return at::randperm(neurons).narrow(0, 0, count).contiguous(); });
  SCOPED_TRACE(
      fmt::format("dense {}, without heavy {}, random {}, light {}", dense, heavy, random, light));
  // Sizes of the change: a small model may gain a little from the loss of a neuron. Random and
  // light are not told apart; on the model with GELU both cost about the same.
  EXPECT_GT(heavy - dense, 2 * std::abs(random - dense));
  EXPECT_GT(heavy - dense, 2 * std::abs(light - dense));
}

TEST_P(Trained, HeavyHittersOfTwoHalvesOfTheTextAgreeFarAboveChance) {
  const std::vector<at::Tensor> one = scores(0, kSamples), other = scores(kSamples, kSamples);
  const double p = 0.1;
  double overlap = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const auto count = static_cast<std::int64_t>(p * static_cast<double>(one[i].size(0)));
    overlap += jaccard(heaviest(one[i], count), heaviest(other[i], count));
  }
  EXPECT_GT(overlap / static_cast<double>(one.size()), 3 * p / (2 - p));
}

TEST_P(Trained, SplitHasTheSmallerOutputErrorAtEqualSize) {
  RecordingContext context(calibration_, 0, {});
  const double plain = output_error(fit({{"p", 0}, {"target", 0.4}, {"align", 1}}, context));
  const double plain_size = context.metrics.at("size/numerator");
  const double split = output_error(fit({{"p", 0.1}, {"target", 0.4}, {"align", 1}}, context));
  EXPECT_LE(context.metrics.at("size/numerator"), 1.01 * plain_size);
  EXPECT_LT(split, plain);
}

INSTANTIATE_TEST_SUITE_P(Models, Trained, ::testing::Values("tiny-opt-relu", "tiny-gpt2-gelu"),
                         [](const auto& param_info) {
                           return param_info.index == 0 ? "Relu" : "Gelu";
                         });

}  // namespace
}  // namespace ffsplit
}  // namespace assay
