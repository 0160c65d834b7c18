// DejaVu's training on problems whose answer is known, and what stops or interrupts it.
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/contextual/predictor_training.h"
#include "harness/contextual/training_fixture.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::ThrowsMessage;

constexpr std::int64_t kRows = 600, kIn = 16, kRank = 6, kOut = 24;

// Labels that a classifier without a bias, of half the rank that it may have, separates.
class DejaVu : public Remarked {
 protected:
  DejaVu() {
    settings_.learning_rate = 0.02;
    settings_.batch = 64;
    settings_.epochs = 10;
    settings_.held_out_share = 0.2;
    settings_.seed = 4;
  }
  [[nodiscard]] static Predictor fresh() {
    return fresh_predictor(dejavu_form(kIn, kRank, kOut), 9);
  }
  DejaVuFit fit(Predictor& predictor) {
    return train_dejavu(predictor, inputs_, BinaryLabels::plain(labels_), settings_, hooks_);
  }
  template <typename Error>
  void expect_refused(const std::string& what) {
    Predictor predictor = fresh();
    EXPECT_THAT([&] { (void)fit(predictor); }, ThrowsMessage<Error>(HasSubstr(what)));
  }

  at::Tensor inputs_ = at::randn({kRows, kIn});
  at::Tensor labels_ =
      inputs_.matmul(at::randn({kIn, kRank / 2})).matmul(at::randn({kRank / 2, kOut})).gt(0);
  DejaVuTraining settings_;
};

TEST(DejaVuLoss, OfAHandExample) {
  const at::Tensor labels = at::tensor({1, 0, 1, 0}).view({1, 4}).to(at::kBool);
  const at::Tensor expected = at::tensor({1.0F, 0.5F, 1.0F, 0.5F}).view({1, 4});
  EXPECT_TRUE(at::equal(dejavu_element_weights(labels, 0), expected));
  const auto negatives = dejavu_element_weights(labels, 0.005)[0][1].item<float>();
  EXPECT_FLOAT_EQ(negatives, 0.505F);
  const at::Tensor scores = at::tensor({0.9, 0.6, 0.4, 0.1}).view({1, 4}).logit().to(at::kFloat);
  const double loss =
      -(std::log(0.9) + 0.5 * std::log(1 - 0.6) + std::log(0.4) + 0.5 * std::log(1 - 0.1)) / 4;
  EXPECT_NEAR(dejavu_loss(scores, labels, 0).item<double>(), loss, 1e-6);
}

TEST_F(DejaVu, LearnsWhatALinearClassifierCan) {
  Predictor predictor = fresh();
  settings_.epochs = 40;
  const DejaVuFit found = fit(predictor);
  EXPECT_EQ(found.rows, 480);
  EXPECT_EQ(found.held_out.rows, 120);
  EXPECT_GT(found.held_out.recall(), 0.95);
  EXPECT_GT(found.held_out.precision(), 0.9);
  EXPECT_NEAR(found.held_out_loss, found.training.best->value, 1e-12);
  EXPECT_THAT(remarks_, IsEmpty());
  for (const at::Tensor& tensor : tensors_of(predictor)) EXPECT_FALSE(tensor.requires_grad());
}

TEST_F(DejaVu, TheSeedDecides) {
  Predictor one = fresh(), same = fresh(), other = fresh();
  (void)fit(one);
  (void)fit(same);
  settings_.seed = 5;
  (void)fit(other);
  EXPECT_TRUE(same_bits(one, same));
  EXPECT_FALSE(same_bits(one, other));
}

TEST_F(DejaVu, InterruptedItEndsWithTheBitsOfAnUndisturbedRun) {
  Predictor undisturbed = fresh();
  settings_.epochs = 4;  // of 8 steps
  const DejaVuFit expected = fit(undisturbed);
  const ScratchFolder folder;
  for (const std::int64_t stop : {3, 8, 17, 31}) {  // in one process after the other
    Predictor killed = fresh();
    TrainHooks hooks = hooks_;
    hooks.checkpoints = folder.path();
    hooks.checkpoint_steps = 1;
    hooks.progress = [stop](std::int64_t done, std::int64_t) {
      if (done >= stop) throw Killed();
    };
    EXPECT_THROW(
        (void)train_dejavu(killed, inputs_, BinaryLabels::plain(labels_), settings_, hooks),
        Killed);
  }
  Predictor last = fresh();
  hooks_.checkpoints = folder.path();
  const DejaVuFit found = fit(last);
  EXPECT_TRUE(found.training.resumed);
  EXPECT_TRUE(same_bits(last, undisturbed));
  EXPECT_EQ(found.held_out_loss, expected.held_out_loss);
  EXPECT_EQ(found.training.best->step, expected.training.best->step);
}

TEST_F(DejaVu, ACheckpointOfOtherDataOrSettingsIsRefused) {
  const ScratchFolder folder;
  hooks_.checkpoints = folder.path();
  Predictor first = fresh();
  (void)fit(first);
  settings_.split = SplitBy::kPosition;
  expect_refused<UserError>("/task/split is");
  settings_.split = SplitBy::kRandom;
  settings_.negative_weight = 0;
  expect_refused<UserError>("/task/negative_weight is");
  settings_.negative_weight = 0.005;
  labels_ = labels_.logical_not();
  expect_refused<UserError>("/task/labels is");
  labels_ = labels_.logical_not();
  inputs_ = inputs_.mul(2);
  expect_refused<UserError>("/task/inputs is");
}

TEST_F(DejaVu, HowLabelsAndRowsAreKeptChangesNothing) {
  inputs_ = inputs_.to(at::kBFloat16);
  Predictor plain = fresh(), packed = fresh(), wide = fresh();
  (void)fit(plain);
  (void)train_dejavu(packed, inputs_, BinaryLabels::packed(pack_labels(labels_), kOut), settings_);
  EXPECT_TRUE(same_bits(plain, packed));
  inputs_ = inputs_.to(at::kFloat);
  (void)fit(wide);
  EXPECT_TRUE(same_bits(plain, wide));
}

TEST_F(DejaVu, TrainsWithTensorsOfInferenceMode) {
  Predictor expected = fresh();
  (void)fit(expected);
  const c10::InferenceMode inference;
  Predictor predictor = std::move(*clone_block<Predictor>(fresh()));
  inputs_ = inputs_.clone();
  (void)fit(predictor);
  EXPECT_TRUE(same_bits(predictor, expected));
}

TEST_F(DejaVu, SelectedByRecallItEndsWhereThatIsEnough) {
  Predictor by_recall = fresh(), by_loss = fresh();
  settings_.enough_recall = 0.8;
  EXPECT_EQ(fit(by_loss).training.steps, 80);  // the loss gets better for longer
  settings_.select_by = SelectBy::kRecall;
  const DejaVuFit found = fit(by_recall);
  EXPECT_TRUE(found.training.stopped_early);
  EXPECT_LT(found.training.steps, 80);
  EXPECT_GT(found.held_out.recall(), 0.8);
  EXPECT_NEAR(found.training.best->value, 1 - found.held_out.recall(), 1e-12);
}

TEST_F(DejaVu, SelectedByRecallItKeepsWhatPredictsEverything) {
  // No input says anything about these labels: the best recall is that of the fresh predictor or
  // of one that predicts too much; the loss knows better.
  labels_ = at::randn({kRows, kOut}).gt(1);
  inputs_.select(1, 0).fill_(1);  // a bias, so that nothing can be predicted
  Predictor by_recall = fresh(), by_loss = fresh();
  const DejaVuFit loss = fit(by_loss);
  settings_.select_by = SelectBy::kRecall;
  const DejaVuFit recall = fit(by_recall);
  EXPECT_GE(recall.held_out.recall(), loss.held_out.recall());
  EXPECT_LE(loss.held_out_loss, recall.held_out_loss);
}

TEST_F(DejaVu, PatienceEndsIt) {
  labels_ = at::randn({kRows, kOut}).gt(1);  // learnt by heart at best
  settings_.epochs = 20;
  settings_.patience = 2;
  Predictor predictor = fresh();
  const TrainResult training = fit(predictor).training;
  EXPECT_TRUE(training.stopped_early);
  EXPECT_EQ(training.steps, training.best->step + 2 * 8);  // 8 steps an epoch
}

TEST_F(DejaVu, WithNothingHeldOutTheLastWeightsAreKept) {
  settings_.held_out_share = 0;
  settings_.epochs = 2;
  Predictor predictor = fresh();
  const DejaVuFit found = fit(predictor);
  EXPECT_EQ(found.rows, kRows);
  EXPECT_EQ(found.held_out.rows, 0);
  EXPECT_TRUE(std::isnan(found.held_out_loss));
  EXPECT_THAT(found.training.held_out, IsEmpty());
  EXPECT_EQ(found.training.curve.front().learning_rate, 0.02);  // no warm-up, and constant
  EXPECT_EQ(found.training.curve.back().learning_rate, 0.02);
}

TEST_F(DejaVu, WeightsDecay) {
  Predictor decayed = fresh(), kept = fresh();
  settings_.weight_decay = 0;
  (void)fit(kept);
  settings_.weight_decay = 1;  // 80 steps at a rate of 0.02
  (void)fit(decayed);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LT(tensors_of(decayed)[i].norm().item<double>(),
              0.8 * tensors_of(kept)[i].norm().item<double>());
  }
}

TEST_F(DejaVu, RowsThatAreNotFiniteAreNamed) {
  inputs_[7][2].fill_(std::numeric_limits<double>::infinity());
  inputs_[590][0].fill_(std::nan(""));
  expect_refused<NonFiniteValue>(
      "layer 3: 2 of 600 rows of inputs hold NaN or infinity, the first is row 7");
}

TEST_F(DejaVu, WithoutPositivesThereIsNothingToLearn) {
  labels_ = labels_.logical_and(at::zeros({1}, at::kBool));
  expect_refused<DoesNotApply>("layer 3: no label of 480 rows is 1");
}

TEST_F(DejaVu, WithoutPositivesThatAreHeldOutThereIsNoRecall) {
  settings_.split = SplitBy::kPosition;
  labels_.narrow(0, 480, 120).zero_();
  Predictor predictor = fresh();
  EXPECT_TRUE(std::isnan(fit(predictor).held_out.recall()));  // the loss can still select
  settings_.select_by = SelectBy::kRecall;
  expect_refused<DoesNotApply>("no label of 120 held-out rows is 1");
}

TEST_F(DejaVu, FewRowsAreRemarkedOn) {
  inputs_ = inputs_.narrow(0, 0, 15);
  labels_ = labels_.narrow(0, 0, 15);
  Predictor predictor = fresh();
  EXPECT_EQ(fit(predictor).rows, 12);
  EXPECT_THAT(remarks_, ElementsAre(Pair("predictor_few_rows",
                                         HasSubstr("layer 3: 12 rows train a predictor that reads "
                                                   "16 columns"))));
}

TEST_F(DejaVu, TooFewRowsAreRefused) {
  inputs_ = inputs_.narrow(0, 0, 1);
  labels_ = labels_.narrow(0, 0, 1);
  expect_refused<DoesNotApply>("1 rows are too few");
}

TEST_F(DejaVu, OnlyDensePredictorsTrain) {
  Predictor stored = stored_as(fresh(), {.bits = 16});
  EXPECT_THROW((void)fit(stored), std::logic_error);
  Predictor other = fresh_predictor(dejavu_form(kIn, kRank, kOut + 1), 9);
  EXPECT_THROW((void)fit(other), std::logic_error);
}

TEST(Splits, ByPositionTheLastAreHeldOut) {
  const RowSplit split = split_rows({5, 4, 3, 2, 1}, 0.2, SplitBy::kPosition, 0);
  EXPECT_THAT(split.train, ElementsAre(5, 4, 3, 2));
  EXPECT_THAT(split.held_out, ElementsAre(1));
  EXPECT_EQ(split_rows(all_rows(1000), 0.05, SplitBy::kPosition, 0).train.size(), 950U);
  EXPECT_EQ(split_rows(all_rows(512), 0.05, SplitBy::kPosition, 0).train.size(), 486U);
}

TEST(Splits, AtRandomTheSeedDecides) {
  const auto held_out = [](std::uint64_t seed) {
    return split_rows(all_rows(100), 0.1, SplitBy::kRandom, seed).held_out;
  };
  EXPECT_EQ(held_out(1), held_out(1));
  EXPECT_NE(held_out(1), held_out(2));
  RowSplit split = split_rows(all_rows(100), 0.1, SplitBy::kRandom, 1);
  split.train.insert(split.train.end(), split.held_out.begin(), split.held_out.end());
  std::sort(split.train.begin(), split.train.end());
  EXPECT_EQ(split.train, all_rows(100));
}

}  // namespace
}  // namespace assay
