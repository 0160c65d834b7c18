// AdamW, clipping and schedules against torch and transformers (scripts/golden/trainer_goldens.py).
#include "harness/train/adamw.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/base/json.h"
#include "harness/train/schedule.h"
#include "harness/train/train_fixture.h"

namespace assay {
namespace {

constexpr int kSteps = 20, kWarmup = 3;
constexpr double kRate = 0.01;

class AdamWGolden : public testing::Test {
 protected:
  GoldenTensors golden_ = read_tensors(train_golden_folder() / "adamw.safetensors");
  [[nodiscard]] TrainedTensor start(const std::string& name, double decay, double factor) const {
    return {name, golden_.at("start." + name).clone().requires_grad_(), decay, factor};
  }
  void set_gradients(const AdamW& optimizer, int step) const {
    for (const TrainedTensor& trained : optimizer.tensors()) {
      const auto found = golden_.find("gradient." + std::to_string(step) + "." + trained.name);
      if (found != golden_.end()) trained.tensor.mutable_grad() = found->second.clone();
    }
  }
};

TEST_F(AdamWGolden, TwentyStepsEqualTorch) {
  AdamW optimizer({start("a", 0.1, 1), start("b", 0, 1), start("c", 0.1, 3)}, {});
  for (int step = 0; step < kSteps; ++step) {
    set_gradients(optimizer, step);
    const double norm = gradient_norm(optimizer.tensors());
    EXPECT_EQ(static_cast<float>(norm), golden_.at("norms")[step].item<float>());
    clip_gradients(optimizer.tensors(), norm, 1.0);
    const double rate = kRate * rate_factor(Schedule::kLinear, step, kWarmup, kSteps);
    EXPECT_DOUBLE_EQ(rate, golden_.at("rates")[step].item<double>());
    optimizer.step(rate);
    optimizer.clear_gradients();
  }
  for (const TrainedTensor& trained : optimizer.tensors()) {
    const at::Tensor found = trained.tensor.detach();
    EXPECT_TRUE(at::equal(found, golden_.at("fused." + trained.name))) << trained.name;
    EXPECT_LE(relative_error(found, golden_.at("plain." + trained.name)), 1e-6) << trained.name;
  }
  EXPECT_EQ(optimizer.moments()[0].steps.item<float>(), 20);
  EXPECT_EQ(optimizer.moments()[2].steps.item<float>(), 15);  // without a gradient five times
}

TEST(AdamW, WithoutAGradientNothingMoves) {
  const at::Tensor tensor = at::ones({3}).requires_grad_();
  AdamW optimizer({{"still", tensor, 0.5}}, {});
  optimizer.step(0.1);
  EXPECT_TRUE(at::equal(tensor.detach(), at::ones({3})));
  EXPECT_EQ(gradient_norm(optimizer.tensors()), 0);
}

TEST(AdamW, RefusesWhatCannotBeTrained) {
  const auto refused = [](const at::Tensor& tensor) {
    EXPECT_THROW(AdamW({{"t", tensor}}, {}), std::logic_error);
  };
  refused(at::ones({3}));
  refused(at::ones({3}, at::kBFloat16).requires_grad_());
  refused(at::ones({3, 2}).t().requires_grad_());
  refused(at::ones({3}).requires_grad_().mul(2));
}

TEST(GradientNorm, IsNotFiniteWhereOneValueIsNot) {
  const at::Tensor tensor = at::ones({3}).requires_grad_();
  const std::vector<TrainedTensor> tensors = {{"t", tensor}};
  tensor.mutable_grad() = at::full({3}, 2.0);
  EXPECT_NEAR(gradient_norm(tensors), std::sqrt(12.0), 1e-6);
  tensor.mutable_grad()[1].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(std::isnan(gradient_norm(tensors)));
}

TEST(Schedules, EqualTransformers) {
  const Json cases = read_json_file(train_golden_folder() / "schedules.json");
  ASSERT_EQ(cases.size(), 12U);
  for (const Json& golden : cases) {
    const auto schedule = schedule_from_name(golden.at("schedule").get<std::string>());
    ASSERT_TRUE(schedule);
    const auto warmup = golden.at("warmup").get<std::int64_t>();
    const auto steps = golden.at("steps").get<std::int64_t>();
    std::int64_t step = 0;
    for (const Json& factor : golden.at("factors")) {
      EXPECT_DOUBLE_EQ(rate_factor(*schedule, step, warmup, steps), factor.get<double>())
          << golden.dump() << " step " << step;
      ++step;
    }
  }
}

TEST(Schedules, WarmupIsRoundedUp) {
  EXPECT_EQ(warmup_steps(0.1, 20), 2);
  EXPECT_EQ(warmup_steps(0.1, 21), 3);
  EXPECT_EQ(warmup_steps(0, 21), 0);
  EXPECT_FALSE(schedule_from_name("exponential"));
}

}  // namespace
}  // namespace assay
