// ShadowLLM's training on problems whose answer is known, and what stops or interrupts it.
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "harness/base/cell_errors.h"
#include "harness/contextual/predictor_training.h"
#include "harness/contextual/scaling.h"
#include "harness/contextual/training_fixture.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::ThrowsMessage;

constexpr std::int64_t kIn = 16, kOut = 24;

class Shadow : public Remarked {
 protected:
  Shadow() {
    settings_.epochs = 40;
    settings_.seed = 4;
    draw(200);
  }
  [[nodiscard]] static Predictor fresh() {
    return fresh_predictor(shadowllm_form(kIn, kIn, kOut), 9);
  }
  ShadowFit fit(Predictor& predictor) {
    return train_shadow(predictor, inputs_, targets_, settings_, hooks_);
  }

  void draw(std::int64_t samples) {
    inputs_ = at::randn({samples, kIn});
    // Around 0 for each output, so that none is large for every input.
    scores_ = scaled_rows(inputs_).sub(0.5).matmul(at::randn({kIn, kOut}));
    targets_ = scaled_by_layer(scores_, {kOut / 3, kOut / 3, kOut / 3});
  }

  at::Tensor inputs_, scores_, targets_;
  ShadowTraining settings_;
};

TEST_F(Shadow, LearnsAnOrder) {
  draw(1000);
  Predictor predictor = fresh(), untrained = fresh();
  settings_.learning_rate = 0.01;
  const ShadowFit found = fit(predictor);
  EXPECT_EQ(found.rows, 800);
  EXPECT_EQ(found.held_out_rows, 200);
  EXPECT_EQ(found.left_out, 0);
  EXPECT_EQ(found.held_out.samples, 200);
  EXPECT_GT(found.held_out.mean, 0.8);
  EXPECT_LT(rank_correlation(untrained.forward(inputs_), targets_).mean, 0.5);
  // Far below what the mean of each output leaves.
  EXPECT_LT(found.held_out_loss,
            0.5 * targets_.sub(targets_.mean(0)).square().mean().item<double>());
  EXPECT_THAT(remarks_, IsEmpty());
}

TEST_F(Shadow, TheRateFallsAlongACosine) {
  Predictor predictor = fresh();
  settings_.epochs = 4;
  const TrainResult training = fit(predictor).training;
  ASSERT_EQ(training.steps, 20);  // 160 samples by 32
  const double pi = std::acos(-1.0);
  for (const CurvePoint& point : training.curve) {
    const double expected =
        1e-3 * (1 + std::cos(pi * static_cast<double>(point.step - 1) / 20)) / 2;
    EXPECT_NEAR(point.learning_rate, expected, 1e-12);
  }
}

TEST_F(Shadow, WeightsAndBiasesDecay) {
  Predictor decayed = fresh(), kept = fresh();
  settings_.epochs = 10;
  settings_.weight_decay = 0;
  (void)fit(kept);
  settings_.weight_decay = 20;  // 50 steps at a rate of 0.001 that falls
  (void)fit(decayed);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_LT(tensors_of(decayed)[i].norm().item<double>(),
              0.9 * tensors_of(kept)[i].norm().item<double>());
  }
}

TEST_F(Shadow, TheSettingsAreThoseOfTheRelease) {
  EXPECT_EQ(shadow_head_training().weight_decay, 0.01);
  EXPECT_EQ(shadow_head_training().learning_rate, 1e-3);
  EXPECT_EQ(dejavu_neuron_training().weight_decay, 0.01);
  EXPECT_EQ(dejavu_neuron_training().batch, 1024);
  EXPECT_EQ(dejavu_neuron_training().epochs, 20);
  EXPECT_EQ(dejavu_neuron_training().patience, 5);
  EXPECT_EQ(dejavu_neuron_training().enough_recall, 0.99);
  EXPECT_EQ(shadow_head_training().epochs, 100);
  EXPECT_EQ(shadow_head_training().batch, 32);
  EXPECT_EQ(shadow_head_training().held_out_share, 0.2);
  EXPECT_EQ(shadow_neuron_training().epochs, 20);
  EXPECT_EQ(shadow_neuron_training().batch, 16);
  EXPECT_EQ(shadow_neuron_training().held_out_share, 0.1);
  EXPECT_EQ(dejavu_head_training().learning_rate, 1e-4);
  EXPECT_EQ(dejavu_head_training().negative_weight, 0);
  EXPECT_EQ(dejavu_neuron_training().learning_rate, 1e-3);
  EXPECT_EQ(dejavu_neuron_training().negative_weight, 0.005);
}

TEST_F(Shadow, InterruptedItEndsWithTheBitsOfAnUndisturbedRun) {
  settings_.epochs = 5;
  Predictor undisturbed = fresh(), killed = fresh(), last = fresh();
  const ShadowFit expected = fit(undisturbed);
  const ScratchFolder folder;
  hooks_.checkpoints = folder.path();
  hooks_.checkpoint_steps = 2;
  hooks_.progress = [](std::int64_t done, std::int64_t) {
    if (done == 13) throw Killed();
  };
  EXPECT_THROW((void)fit(killed), Killed);
  hooks_.progress = nullptr;
  const ShadowFit found = fit(last);
  EXPECT_TRUE(found.training.resumed);
  EXPECT_TRUE(same_bits(last, undisturbed));
  EXPECT_EQ(found.held_out_loss, expected.held_out_loss);
  targets_ = targets_.mul(0.5);
  EXPECT_THAT([&] { (void)fit(killed); }, ThrowsMessage<UserError>(HasSubstr("/task/targets is")));
}

TEST_F(Shadow, ConstantTargetsAreLeftOutAndRemarkedOn) {
  scores_.narrow(0, 10, 3).narrow(1, 8, 8).fill_(2);  // the second layer of three samples
  targets_ = scaled_by_layer(scores_, {kOut / 3, kOut / 3, kOut / 3});
  Predictor predictor = fresh(), without = fresh();
  const ShadowFit found = fit(predictor);
  EXPECT_EQ(found.left_out, 3);
  EXPECT_EQ(found.rows + found.held_out_rows, 197);
  EXPECT_THAT(remarks_, ElementsAre(Pair("predictor_left_out",
                                         HasSubstr("layer 3: 3 of 200 samples were left out"))));
  const auto others = [](const at::Tensor& all) {
    return at::cat({all.narrow(0, 0, 10), all.narrow(0, 13, 187)});
  };
  (void)train_shadow(without, others(inputs_), others(targets_), settings_);
  EXPECT_TRUE(same_bits(predictor, without));
}

TEST_F(Shadow, WithoutUsableTargetsThereIsNothingToLearn) {
  targets_ = scaled_over_layers(at::zeros({200, kOut}));
  Predictor predictor = fresh();
  EXPECT_THAT([&] { (void)fit(predictor); },
              ThrowsMessage<DoesNotApply>(HasSubstr("0 rows are too few")));
}

TEST_F(Shadow, InputsThatAreNotFiniteAreNamed) {
  inputs_[199][0].fill_(-std::numeric_limits<double>::infinity());
  Predictor predictor = fresh();
  EXPECT_THAT([&] { (void)fit(predictor); },
              ThrowsMessage<NonFiniteValue>(AllOf(HasSubstr("1 of 200"), HasSubstr("row 199"))));
}

TEST_F(Shadow, FewSamplesAreRemarkedOn) {
  inputs_ = inputs_.narrow(0, 0, 10);
  targets_ = targets_.narrow(0, 0, 10);
  Predictor predictor = fresh();
  (void)fit(predictor);
  EXPECT_THAT(remarks_, ElementsAre(Pair("predictor_few_rows", HasSubstr("8 rows train"))));
}

}  // namespace
}  // namespace assay
