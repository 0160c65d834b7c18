#include "harness/train/trainer.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/rand.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <iterator>
#include <limits>
#include <optional>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TrainSettings short_settings() {
  TrainSettings settings;
  settings.epochs = 4;
  settings.batch = 5;  // four of 5 and one of 4 an epoch
  settings.learning_rate = 0.05;
  settings.seed = 3;
  return settings;
}

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

/// As a full disk: files do not get longer than a few bytes.
class SmallFiles {
 public:
  SmallFiles() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{512, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

// A training with all that a checkpoint has to hold: dropout, a held-out part, moments, a curve.
class Interruptions : public testing::Test {
 protected:
  struct Killed : std::runtime_error {
    Killed() : std::runtime_error("killed") {}
  };
  Interruptions() {
    settings_.curve_every = 3;
    settings_.evaluate_every = 4;
  }
  [[nodiscard]] static TrainTask task_of(const SmallNet& net) {
    TrainTask task = net.task();
    task.loss = [&net](std::span<const std::int64_t> items) {
      const at::Tensor which =
          at::tensor(std::vector<std::int64_t>(items.begin(), items.end()), at::kLong);
      const at::Tensor rows = at::dropout(net.points.index_select(0, which), 0.2, true);
      return cross_entropy(net.scores(rows), net.labels.index_select(0, which));
    };
    task.held_out = [&net] {
      const at::NoGradGuard guard;
      return cross_entropy(net.scores(net.points), net.labels).item<double>();
    };
    task.identity = {{"what", "small net"}};
    return task;
  }
  /// Ends by Error at these steps, in one process after the other; then runs to the end.
  template <typename Error>
  TrainResult run(SmallNet& last, const std::vector<std::int64_t>& stops) {
    for (const std::int64_t stop : stops) {
      SmallNet net;
      TrainHooks hooks = hooks_;
      hooks.progress = [stop](std::int64_t done, std::int64_t) {
        if (done >= stop) throw Error();
      };
      EXPECT_THROW((void)train(task_of(net), settings_, hooks), Error);
    }
    return train(task_of(last), settings_, hooks_);
  }
  static void expect_equal(const TrainResult& a, const TrainResult& b) {
    ASSERT_EQ(a.curve.size(), b.curve.size());
    for (std::size_t i = 0; i < a.curve.size(); ++i) EXPECT_EQ(a.curve[i].loss, b.curve[i].loss);
    ASSERT_EQ(a.held_out.size(), b.held_out.size());
    for (std::size_t i = 0; i < a.held_out.size(); ++i) {
      EXPECT_EQ(a.held_out[i].value, b.held_out[i].value);
    }
    EXPECT_EQ(a.best->step, b.best->step);
  }
  [[nodiscard]] std::filesystem::path file() const {
    return scratch_.path() / "training.safetensors";
  }

  ScratchFolder scratch_;
  TrainSettings settings_ = short_settings();
  TrainHooks hooks_{
      .warn = [this](const std::string& code, const std::string&) { remarks_.push_back(code); },
      .checkpoints = scratch_.path(),
      .checkpoint_steps = 3};
  std::vector<std::string> remarks_;
};

TEST_F(Interruptions, TwentyOfThemLeaveTheSameBits) {
  SmallNet undisturbed;
  const TrainResult expected = train(task_of(undisturbed), settings_);
  for (std::int64_t stop = 1; stop <= 20; ++stop) {
    std::filesystem::remove(file());
    SmallNet net;
    const TrainResult result = run<Interrupted>(net, {stop});
    EXPECT_TRUE(result.resumed);
    EXPECT_TRUE(equal_tensors(net.tensors, undisturbed.tensors)) << stop;
    expect_equal(result, expected);
  }
  EXPECT_TRUE(remarks_.empty());
}

TEST_F(Interruptions, AProcessThatIsKilledGoesOnFromItsLastCheckpoint) {
  SmallNet undisturbed;
  const TrainResult expected = train(task_of(undisturbed), settings_);
  for (std::int64_t stop = 1; stop <= 20; ++stop) {
    std::filesystem::remove(file());
    SmallNet net;
    const TrainResult result = run<Killed>(net, {stop});
    EXPECT_EQ(result.resumed, stop >= 3) << stop;  // that is when the first one was written
    EXPECT_TRUE(equal_tensors(net.tensors, undisturbed.tensors)) << stop;
    expect_equal(result, expected);
  }
}

TEST_F(Interruptions, SeveralInARow) {
  SmallNet undisturbed, net;
  const TrainResult expected = train(task_of(undisturbed), settings_);
  expect_equal(run<Interrupted>(net, {2, 5, 6, 13, 19}), expected);
  EXPECT_TRUE(equal_tensors(net.tensors, undisturbed.tensors));
}

TEST_F(Interruptions, AFinishedTrainingIsNotRepeated) {
  SmallNet first, second;
  const TrainResult expected = train(task_of(first), settings_, hooks_);
  TrainTask task = task_of(second);
  task.loss = [](std::span<const std::int64_t>) -> at::Tensor { throw Killed(); };
  std::vector<std::int64_t> told;
  hooks_.curve = [&](const CurvePoint& point) { told.push_back(point.step); };
  expect_equal(train(task, settings_, hooks_), expected);
  EXPECT_TRUE(equal_tensors(first.tensors, second.tensors));
  EXPECT_EQ(told.size(), expected.curve.size());  // whoever draws the curve gets all of it
}

TEST_F(Interruptions, ACheckpointOfAnotherTrainingIsRefused) {
  SmallNet net, other;
  (void)train(task_of(net), settings_, hooks_);
  TrainSettings changed = settings_;
  changed.learning_rate = 0.01;
  EXPECT_THAT([&] { (void)train(task_of(other), changed, hooks_); },
              ThrowsMessage<UserError>(testing::AllOf(
                  HasSubstr("checkpoint of another training"),
                  HasSubstr("/settings/learning_rate is 0.05 there and 0.01 here"))));
  TrainTask task = task_of(other);
  task.identity["data"] = "other";
  EXPECT_THAT([&] { (void)train(task, settings_, hooks_); },
              ThrowsMessage<UserError>(HasSubstr("/task/data is absent there")));
  other.tensors.front().tensor.data().view(-1)[0].fill_(9);  // starts elsewhere
  EXPECT_THAT([&] { (void)train(task_of(other), settings_, hooks_); },
              ThrowsMessage<UserError>(HasSubstr("/tensors is")));
}

TEST_F(Interruptions, ADamagedCheckpointIsRemarkedOn) {
  SmallNet undisturbed;
  (void)train(task_of(undisturbed), settings_);
  const auto spoil_then_run = [&](auto spoil) {
    SmallNet net, again;
    hooks_.progress = [](std::int64_t done, std::int64_t) {
      if (done == 6) throw Killed();
    };
    std::filesystem::remove(file());
    remarks_.clear();
    EXPECT_THROW((void)train(task_of(net), settings_, hooks_), Killed);
    spoil();
    hooks_.progress = nullptr;
    EXPECT_FALSE(train(task_of(again), settings_, hooks_).resumed);
    EXPECT_THAT(remarks_, ElementsAre("training_checkpoint_damaged"));
    EXPECT_TRUE(equal_tensors(again.tensors, undisturbed.tensors));
  };
  spoil_then_run([&] {
    std::string bytes = read_text_file(file());
    bytes.back() ^= 1;
    write_file_atomically(file(), bytes);
  });
  spoil_then_run(
      [&] { std::filesystem::resize_file(file(), std::filesystem::file_size(file()) / 2); });
  spoil_then_run([&] { write_file_atomically(file(), "not a checkpoint"); });
}

TEST_F(Interruptions, AFullDiskKeepsTheOldCheckpoint) {
  SmallNet undisturbed, net, again;
  (void)train(task_of(undisturbed), settings_);
  std::string old;
  std::optional<SmallFiles> full;
  hooks_.progress = [&](std::int64_t done, std::int64_t) {
    if (done != 5) return;
    old = read_text_file(file());
    full.emplace();
  };
  EXPECT_THROW((void)train(task_of(net), settings_, hooks_), MachineError);
  full.reset();
  EXPECT_EQ(read_text_file(file()), old);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch_.path()), {}), 1);
  hooks_.progress = nullptr;
  EXPECT_TRUE(train(task_of(again), settings_, hooks_).resumed);
  EXPECT_TRUE(equal_tensors(again.tensors, undisturbed.tensors));
}

TEST_F(Interruptions, OnAFullDiskTheyAreStillInterruptions) {
  SmallNet undisturbed, net, again;
  (void)train(task_of(undisturbed), settings_);
  std::string old;
  std::optional<SmallFiles> full;
  hooks_.progress = [&](std::int64_t done, std::int64_t) {
    if (done != 5) return;
    old = read_text_file(file());
    full.emplace();
    throw Interrupted();
  };
  EXPECT_THROW((void)train(task_of(net), settings_, hooks_), Interrupted);
  full.reset();
  EXPECT_THAT(remarks_, ElementsAre("training_checkpoint_unwritten"));
  EXPECT_EQ(read_text_file(file()), old);
  hooks_.progress = nullptr;
  EXPECT_TRUE(train(task_of(again), settings_, hooks_).resumed);
  EXPECT_TRUE(equal_tensors(again.tensors, undisturbed.tensors));
}

TEST_F(Interruptions, OtherThreadsAreRemarkedOn) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  SmallNet net, again;
  hooks_.progress = [](std::int64_t done, std::int64_t) {
    if (done == 6) throw Killed();
  };
  EXPECT_THROW((void)train(task_of(net), settings_, hooks_), Killed);
  at::set_num_threads(2);
  hooks_.progress = nullptr;
  EXPECT_TRUE(train(task_of(again), settings_, hooks_).resumed);
  at::set_num_threads(before);
  EXPECT_THAT(remarks_, ElementsAre("training_threads_changed"));
}

class HeldOut : public testing::Test {
 protected:
  /// Judges after each of 20 steps; gives these values, then keeps the last.
  TrainResult run(const std::vector<double>& values, std::int64_t patience) {
    TrainTask task = net_.task();
    task.held_out = [this, &values] {
      const std::size_t i = std::min(judged_.size(), values.size() - 1);
      judged_.push_back(net_.tensors.front().tensor.detach().clone());
      return values[i];
    };
    TrainSettings settings = short_settings();
    settings.evaluate_every = 1;
    settings.patience = patience;
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
  const TrainHooks hooks = hooks_of(context, "warm-up");
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
