#include "harness/judge/values.h"

#include <gtest/gtest.h>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

Judgement judged(const MetricRecord& a, const MetricRecord& b) {
  Judgement judgement;
  judgement.direction = a.def.direction;
  judge_values(judgement, a, b, {});
  return judgement;
}

MetricRecord with_interval(double value, double half, int direction = -1) {
  MetricRecord metric = value_metric("score", value, "", direction);
  metric.summary.n = 30;
  metric.summary.lo = value - half;
  metric.summary.hi = value + half;
  return metric;
}

TEST(Values, CountsDecideByThemselves) {
  const auto bytes = [](double value) { return value_metric("model/resident_bytes", value, "B"); };
  EXPECT_EQ(judged(bytes(100), bytes(100)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(bytes(1000), bytes(1005)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(bytes(100), bytes(150)).verdict, Verdict::kWorse);
  EXPECT_EQ(judged(bytes(100), bytes(50)).verdict, Verdict::kBetter);
  EXPECT_EQ(judged(bytes(0), bytes(0)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(bytes(0), bytes(5)).verdict, Verdict::kAmbiguous);
}

TEST(Values, IntervalsMustBeDisjoint) {
  EXPECT_EQ(judged(with_interval(1, 0.01), with_interval(1.2, 0.01)).verdict, Verdict::kWorse);
  EXPECT_EQ(judged(with_interval(1, 0.15), with_interval(1.2, 0.15)).verdict, Verdict::kAmbiguous);
  EXPECT_EQ(judged(with_interval(1, 0.001), with_interval(1, 0.001)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(with_interval(1, 0.01, 1), with_interval(1.2, 0.01, 1)).verdict,
            Verdict::kBetter);
  EXPECT_EQ(judged(with_interval(1, 2), with_interval(1, 2)).verdict, Verdict::kAmbiguous);
}

TEST(Values, CalibrationTokensAreCounted) {
  const auto tokens = [](double n) { return value_metric("fit/calibration_tokens", n, "tokens"); };
  EXPECT_EQ(judged(tokens(4096), tokens(4096)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(tokens(4096), tokens(8192)).verdict, Verdict::kWorse);
}

TEST(Values, ATimeOfOneProcessDecidesNothing) {
  const Judgement judgement =
      judged(value_metric("fit/seconds", 10, "s"), value_metric("fit/seconds", 30, "s"));
  EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(judgement, "one_process"));
}

}  // namespace
}  // namespace assay
