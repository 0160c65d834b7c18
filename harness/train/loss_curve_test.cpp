#include "harness/train/loss_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/method/recording_context.h"

namespace assay {
namespace {

std::vector<CurvePoint> falling(std::int64_t steps) {
  std::vector<CurvePoint> curve;
  for (std::int64_t i = 1; i <= steps; ++i)
    curve.push_back({i, 1.0 / static_cast<double>(i), 0, 0});
  return curve;
}

TEST(Thinned, KeepsAShortCurve) { EXPECT_EQ(thinned(falling(5), 5).size(), 5U); }

TEST(Thinned, TakesMeansOfNeighbours) {
  const auto points = thinned(falling(5), 3);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[0].step, 2);
  EXPECT_DOUBLE_EQ(points[0].loss, 0.75);
  EXPECT_EQ(points[2].step, 5);
  EXPECT_DOUBLE_EQ(points[2].loss, 0.2);
  EXPECT_TRUE(thinned({}, 3).empty());
}

TEST(TellTraining, SaysItsEndAndNamesTheStepsOfItsCurves) {
  RecordingContext context({}, 0, {});
  TrainResult result;
  result.steps = 200;
  result.curve = falling(200);
  result.held_out = {{100, 0.5}, {200, 0.4}};
  result.best = HeldOutPoint{100, 0.3};
  tell_training(context, result);
  EXPECT_EQ(context.metrics.at("train/steps"), 200);
  EXPECT_EQ(context.metrics.at("train/loss"), result.curve.back().loss);
  EXPECT_EQ(context.metrics.at("train/dev_loss"), 0.3);
  EXPECT_EQ(context.metrics.at("train/dev_loss/step.200"), 0.4);
  EXPECT_EQ(context.metrics.count("train/loss/step.200"), 1U);
  EXPECT_LE(context.metrics.size(), 64U + 2U + 3U);
}

TEST(TellTraining, WithoutHeldOutItemsThereIsNoLossOfThem) {
  RecordingContext context({}, 0, {});
  TrainResult result;
  result.curve = falling(2);
  tell_training(context, result);
  EXPECT_EQ(context.metrics.count("train/dev_loss"), 0U);
}

}  // namespace
}  // namespace assay
