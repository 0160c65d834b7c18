#include "harness/train/trainer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <span>

#include "harness/base/cell_errors.h"
#include "harness/method/recording_context.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Trainer, Learns) {
  SmallNet net;
  TrainSettings settings = short_settings();
  settings.epochs = 40;
  const TrainResult result = train(net.task(), settings);
  EXPECT_EQ(result.steps, 200);
  EXPECT_FALSE(result.stopped_early || result.resumed);
  ASSERT_EQ(result.curve.size(), 200U);
  EXPECT_LT(result.curve.back().loss, 0.3 * result.curve.front().loss);
  EXPECT_FALSE(net.tensors.front().tensor.grad().defined());
}

TEST(Trainer, EveryItemComesOnceAnEpochInTheOrderOfPython) {
  SmallNet net;
  TrainTask task = net.task();
  std::vector<std::int64_t> seen;
  task.loss = [&](std::span<const std::int64_t> items) {
    seen.insert(seen.end(), items.begin(), items.end());
    return net.loss(items);
  };
  (void)train(task, short_settings());
  ASSERT_EQ(seen.size(), 4U * 24);
  for (int epoch = 0; epoch < 4; ++epoch) {
    const std::vector<std::int64_t> part(seen.begin() + epoch * 24, seen.begin() + epoch * 24 + 24);
    EXPECT_EQ(std::set<std::int64_t>(part.begin(), part.end()).size(), 24U);
    EXPECT_EQ(part, epoch_order(3, epoch, 24));
  }
  // random.Random(3), list(range(9)) shuffled twice
  EXPECT_THAT(epoch_order(3, 1, 9), ElementsAre(0, 6, 2, 3, 5, 1, 8, 4, 7));
}

TEST(Trainer, MicroBatchesAreTheBatch) {
  SmallNet whole, parts;
  TrainSettings settings = short_settings();
  (void)train(whole.task(), settings);
  settings.micro_batch = 2;
  (void)train(parts.task(), settings);
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    EXPECT_LE(relative_error(parts.tensors[i].tensor.detach(), whole.tensors[i].tensor.detach()),
              1e-5);
  }
}

TEST(Trainer, TheSeedDecides) {
  SmallNet one, same, other;
  TrainSettings settings = short_settings();
  (void)train(one.task(), settings);
  (void)train(same.task(), settings);
  settings.seed = 4;
  (void)train(other.task(), settings);
  EXPECT_TRUE(equal_tensors(one.tensors, same.tensors));
  EXPECT_FALSE(equal_tensors(one.tensors, other.tensors));
}

TEST(Trainer, StepsAndCurve) {
  TrainSettings settings = short_settings();
  EXPECT_EQ(steps_of(settings, 24), 20);
  settings.max_steps = 7;
  EXPECT_EQ(steps_of(settings, 24), 7);
  settings.curve_every = 3;
  SmallNet net, again;
  const TrainResult result = train(net.task(), settings);
  settings.curve_every = 1;
  const std::vector<CurvePoint> all = train(again.task(), settings).curve;
  ASSERT_EQ(result.curve.size(), 3U);  // after 3, 6 and the last step
  EXPECT_EQ(result.curve[2].step, 7);
  EXPECT_NEAR(result.curve[1].loss, (all[3].loss + all[4].loss + all[5].loss) / 3, 1e-12);
  EXPECT_EQ(result.curve[0].learning_rate, all[2].learning_rate);
  EXPECT_EQ(all.front().learning_rate, 0);  // warm-up
}

TEST(Trainer, TakesGradientsWhereTheCallerRecordsNone) {
  SmallNet plain, guarded, inferring;
  (void)train(plain.task(), short_settings());
  {
    const at::NoGradGuard guard;
    (void)train(guarded.task(), short_settings());
  }
  {
    const c10::InferenceMode inference;
    (void)train(inferring.task(), short_settings());
  }
  EXPECT_TRUE(equal_tensors(plain.tensors, guarded.tensors));
  EXPECT_TRUE(equal_tensors(plain.tensors, inferring.tensors));
}

TEST(Trainer, LeavesTheGlobalGeneratorAsItWas) {
  SmallNet net;
  at::manual_seed(5);
  const at::Tensor expected = at::rand({3});
  at::manual_seed(5);
  (void)train(net.task(), short_settings());
  EXPECT_TRUE(at::equal(at::rand({3}), expected));
}

class HeldOut : public testing::Test {
 protected:
  /// Judges after each of 20 steps; gives these values, then keeps the last.
  TrainResult run(const std::vector<double>& values, std::int64_t patience,
                  std::optional<double> stop_below = {}) {
    TrainTask task = net_.task();
    task.held_out = [this, &values] {
      const std::size_t i = std::min(judged_.size(), values.size() - 1);
      judged_.push_back(net_.tensors.front().tensor.detach().clone());
      return values[i];
    };
    TrainSettings settings = short_settings();
    settings.evaluate_every = 1;
    settings.patience = patience;
    settings.stop_below = stop_below;
    return train(task, settings);
  }
  SmallNet net_;
  std::vector<at::Tensor> judged_;
};

TEST_F(HeldOut, PatienceEndsAndTheBestIsKept) {
  const TrainResult result = run({5, 4, 3, 3.5, 3}, 2);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.steps, 5);  // two after the best at 3; an equal one is no better
  EXPECT_EQ(result.best->step, 3);
  EXPECT_EQ(result.best->value, 3);
  EXPECT_TRUE(at::equal(net_.tensors.front().tensor.detach(), judged_[2]));
}

TEST_F(HeldOut, WithoutPatienceAllStepsAreMade) {
  const TrainResult result = run({5, 1, 2}, 0);
  EXPECT_FALSE(result.stopped_early);
  EXPECT_EQ(result.steps, 20);
  EXPECT_EQ(result.best->step, 2);
  EXPECT_TRUE(at::equal(net_.tensors.front().tensor.detach(), judged_[1]));
}

TEST_F(HeldOut, AValueThatIsLowEnoughEndsIt) {
  const TrainResult result = run({5, 4, 3, 2, 1}, 0, 3);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.steps, 4);  // 3 is not below 3
  EXPECT_EQ(result.best->value, 2);
  EXPECT_TRUE(at::equal(net_.tensors.front().tensor.detach(), judged_[3]));
}

TEST_F(HeldOut, AValueThatIsNoNumberEndsTheTraining) {
  const std::vector<double> values = {1, std::nan("")};
  EXPECT_THAT([&] { (void)run(values, 0); },
              ThrowsMessage<NonFiniteValue>(HasSubstr("after step 2 of 20: the held-out value")));
}

class NotFinite : public testing::Test {
 protected:
  /// The loss with `spoil` applied in step 3.
  void expect_error(const std::string& code, const std::string& text,
                    const std::function<at::Tensor(const at::Tensor&)>& spoil) {
    SmallNet net;
    TrainTask task = net.task();
    int calls = 0;
    task.loss = [&](std::span<const std::int64_t> items) {
      tensor_ = net.tensors[1].tensor;
      return ++calls == 3 ? spoil(net.loss(items)) : net.loss(items);
    };
    try {
      (void)train(task, short_settings());
      FAIL() << "no error";
    } catch (const NonFiniteValue& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
  at::Tensor tensor_;
};

TEST_F(NotFinite, ALossNamesTheStepAndItems) {
  const double infinite = std::numeric_limits<double>::infinity();
  expect_error("training_loss", "training, step 3 of 20: the loss is inf",
               [&](const at::Tensor& loss) { return loss.mul(infinite); });
}

TEST_F(NotFinite, ALossNamesTheLargestTensorWhereNoneIsSpoiled) {
  expect_error("training_loss", "the largest is 3e+30 in bias", [&](const at::Tensor& loss) {
    tensor_.data()[0].fill_(-3e30);
    return loss.mul(std::nan(""));
  });
}

TEST_F(NotFinite, ALossNamesTheTensorThatIsSpoiled) {
  expect_error("training_loss", "bias: 1 of 4 values are not finite", [&](const at::Tensor& loss) {
    tensor_.data()[0].fill_(std::nan(""));
    return loss.mul(std::nan(""));
  });
}

TEST_F(NotFinite, AGradientNamesTheFirstTensor) {
  // sqrt has no slope at 0: the loss is fine, its gradient is not.
  expect_error("training_gradient", "step 3 of 20: the gradient of bias: 4 of 4 values",
               [&](const at::Tensor& loss) { return loss.add(tensor_.mul(0).sqrt().sum()); });
}

TEST(TrainerHooks, OfAFit) {
  RecordingContext context({}, 1, {});
  SmallNet net, again;
  EXPECT_EQ(hooks_of(context).checkpoint_seconds, 120);
  context.between_checkpoints = 7;
  const TrainHooks hooks = hooks_of(context, "warm-up");
  EXPECT_EQ(hooks.checkpoint_seconds, 7);
  context.interrupt_at = 6;
  EXPECT_THROW((void)train(net.task(), short_settings(), hooks), Interrupted);
  EXPECT_TRUE(std::filesystem::exists(context.checkpoints() / "warm-up.safetensors"));
  context.interrupt_at = -1;
  EXPECT_TRUE(train(again.task(), short_settings(), hooks).resumed);
  EXPECT_EQ(context.steps.back(), std::make_pair(std::int64_t{20}, std::int64_t{20}));
}

TEST(Trainer, RefusesNonsense) {
  SmallNet net;
  TrainSettings settings = short_settings();
  settings.batch = 0;
  EXPECT_THROW((void)train(net.task(), settings), std::logic_error);
  TrainTask task = net.task();
  task.items = 0;
  EXPECT_THROW((void)train(task, short_settings()), std::logic_error);
}

}  // namespace
}  // namespace assay
