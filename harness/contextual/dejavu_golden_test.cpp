// Twenty steps of DejaVu's training on a trained model, against reference values
// (tests/data/contextual/dejavu.md).
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/contextual/predictor_training.h"
#include "harness/model/dense_linear.h"
#include "harness/model/model.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

constexpr std::int64_t kLayer = 3;
constexpr double kTolerance = 1e-3;

class Taps : public ActivationRecorder {
 public:
  void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
    seen_[{layer, tap}] = rows.clone();
  }
  [[nodiscard]] const at::Tensor& of(std::int64_t layer, Tap tap) const {
    return seen_.at({layer, tap});
  }

 private:
  std::map<std::pair<std::int64_t, Tap>, at::Tensor> seen_;
};

/// t[i, j] = scale sin(a (i + 1) + b (j + 1) (1 + i mod 7) + phase), f32.
at::Tensor by_formula(std::int64_t rows, std::int64_t columns, double a, double b, double phase) {
  const at::Tensor i = at::arange(rows, at::kDouble).unsqueeze(1);
  const at::Tensor j = at::arange(columns, at::kDouble).unsqueeze(0);
  const at::Tensor turns = at::remainder(i, 7).add(1).mul(j.add(1).mul(b));
  return i.add(1).mul(a).add(turns).add(phase).sin().mul(0.05).to(at::kFloat);
}

Json reference() {
  return Json::parse(
      read_text_file(source_dir() / "tests" / "data" / "contextual" / "dejavu_predictor.json"));
}

struct Problem {
  at::Tensor inputs, labels;
};

Problem problem_of(const Json& which, const Taps& taps) {
  if (which.at("kind") == "attention") {
    const at::Tensor norms = head_norms(taps.of(kLayer, Tap::kOutInput), 8);
    return {taps.of(kLayer - 1, Tap::kAttentionStream), largest_labels(norms, 2)};
  }
  const bool same_layer = which.at("alignment") == "same_layer";
  return {taps.of(same_layer ? kLayer : kLayer - 1, Tap::kFfnStream),
          active_labels(taps.of(kLayer, Tap::kDownInput))};
}

Predictor start_of(const Json& which, const Problem& problem) {
  const std::int64_t rank = which.at("rank"), in = problem.inputs.size(1);
  const std::int64_t out = problem.labels.size(1);
  return {dejavu_form(in, rank, out),
          std::make_unique<DenseLinear>(by_formula(rank, in, 0.37, 0.11, 0), at::Tensor()),
          std::make_unique<DenseLinear>(by_formula(out, rank, 0.29, 0.17, 0.5), at::Tensor())};
}

class Steps : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    const std::string models = environment_or("ASSAY_MODELS", "");
    if (models.empty()) GTEST_SKIP() << "ASSAY_MODELS is not set";
    const std::filesystem::path path = std::filesystem::path(models) / "tiny-opt-relu";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
    const Json all = reference();
    case_ = all.at("cases").at(GetParam());
    Taps taps;
    (void)Model::load(path, LoadOptions{}).hidden(tokens_of(all), &taps);
    problem_ = problem_of(case_, taps);
    settings_ = case_.at("kind") == "attention" ? dejavu_head_training() : dejavu_neuron_training();
    settings_.held_out_share = 0;  // the 512 rows are one batch: a step is an epoch
  }
  static at::Tensor tokens_of(const Json& all) {
    std::vector<std::int64_t> tokens;
    for (const Json& sequence : all.at("tokens")) {
      for (const Json& token : sequence) tokens.push_back(token.get<std::int64_t>());
    }
    return at::tensor(tokens).view({static_cast<std::int64_t>(all.at("tokens").size()), -1});
  }
  static void expect_close(double found, const Json& expected, const std::string& what) {
    const auto wanted = expected.get<double>();
    EXPECT_NEAR(found, wanted, kTolerance * std::abs(wanted)) << what;
  }
  void expect_labels(const Json& expected) const {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const at::Tensor found = problem_.labels[static_cast<std::int64_t>(i)].to(at::kLong);
      const auto wanted = expected.at(i).get<std::vector<std::int64_t>>();
      EXPECT_TRUE(at::equal(found, at::tensor(wanted))) << i;
    }
  }
  void expect_step(const Predictor& predictor, const Json& step) const {
    const at::NoGradGuard guard;
    const std::string name = "step " + step.at("step").dump();
    const at::Tensor scores = predictor.forward(problem_.inputs);
    const at::Tensor loss = dejavu_loss(scores, problem_.labels, settings_.negative_weight);
    expect_close(loss.item<double>(), step.at("loss"), name + " loss");
    const PredictionHits hits = hits_at_threshold(scores, problem_.labels);
    expect_close(hits.recall(), step.at("recall"), name + " recall");
    expect_close(hits.predicted_a_row(), step.at("predicted"), name + " predicted");
    const std::int64_t k = case_.at("top_k");
    expect_close(hits_at_k(scores, problem_.labels, k).recall(), step.at("recall_top_k"),
                 name + " recall at k");
  }

  Json case_;
  Problem problem_;
  DejaVuTraining settings_;
};

TEST_P(Steps, LabelsAndGradientsOfTheFirst) {
  if (case_.contains("labels_first_4_tokens")) expect_labels(case_.at("labels_first_4_tokens"));
  const Json first = case_.at("steps").at(0);
  Predictor predictor = start_of(case_, problem_);
  std::vector<at::Tensor> weights;
  predictor.visit_tensors(
      [&](const std::string&, at::Tensor& tensor) { weights.push_back(tensor.requires_grad_()); });
  dejavu_loss(predictor.forward(problem_.inputs), problem_.labels, settings_.negative_weight)
      .backward();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    expect_close(weights[i].grad().norm().item<double>(), first.at("grad_norms").at(i), "gradient");
  }
  const at::Tensor negatives =
      dejavu_element_weights(problem_.labels, settings_.negative_weight).min();
  expect_close(negatives.item<double>(), first.at("weight_w"), "w");
}

TEST_P(Steps, TwentyAreTheReferences) {
  const Json& steps = case_.at("steps");
  ASSERT_EQ(steps.size(), 21U);
  ASSERT_EQ(case_.at("lr").get<double>(), settings_.learning_rate);
  Predictor predictor = start_of(case_, problem_);
  expect_step(predictor, steps.at(0));
  TrainHooks hooks;
  hooks.progress = [&](std::int64_t done, std::int64_t) {
    expect_step(predictor, steps.at(static_cast<std::size_t>(done)));
  };
  const DejaVuFit fit = train_dejavu(predictor, problem_.inputs,
                                     BinaryLabels::plain(problem_.labels), settings_, hooks);
  EXPECT_EQ(fit.training.steps, 20);
  std::size_t i = 0;
  predictor.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    const Json& expected = case_.at("weights_after_20_first_4").at(i++);
    for (std::int64_t j = 0; j < 4; ++j) {
      expect_close(tensor[0][j].item<double>(), expected.at(static_cast<std::size_t>(j)), name);
    }
  });
}

std::string name_of(const testing::TestParamInfo<std::size_t>& info) {
  constexpr std::array kNames = {"NeuronsLayerBefore", "NeuronsSameLayer", "Heads"};
  return kNames.at(info.param);
}

INSTANTIATE_TEST_SUITE_P(Cases, Steps, testing::Values(0, 1, 2), name_of);

}  // namespace
}  // namespace assay
