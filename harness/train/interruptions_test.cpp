// Checkpoints: what is left of a training that was interrupted, killed or out of disk.

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/train/train_fixture.h"
#include "tests/support/small_files.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

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

TEST_F(Interruptions, WhatAKillLeftHalfWrittenGoesAway) {
  const std::filesystem::path left = scratch_.path() / ".training.safetensors.0a1b2c3d";
  std::ofstream(left) << "half";
  SmallNet net;
  hooks_.checkpoint_steps = 3;
  (void)run<Interrupted>(net, {5});
  EXPECT_FALSE(std::filesystem::exists(left));
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

}  // namespace
}  // namespace assay
