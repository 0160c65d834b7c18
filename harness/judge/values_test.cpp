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
  metric.def.basis = Basis::kMean;
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
  EXPECT_EQ(judged(bytes(0), bytes(5)).verdict, Verdict::kWorse);
  EXPECT_EQ(judged(bytes(5), bytes(0)).verdict, Verdict::kBetter);
  EXPECT_TRUE(has_reason(judged(bytes(0), bytes(5)), "from_zero"));
}

/// A peer rounds what a model kept to two digits before it compares: 0.945 passes a gate of 0.95.
TEST(Values, museum_20_gate_boundary) {
  const auto kept = [](double share, double allowed) {
    const auto score = [](double value) { return value_metric("kept", value, "", 1); };
    Judgement judgement;
    judgement.direction = 1;
    Rules rules;
    rules.size_threshold = 1 / allowed - 1;
    judge_values(judgement, score(1), score(share), rules);
    return judgement.verdict;
  };
  EXPECT_EQ(kept(0.95, 0.95), Verdict::kSame);
  EXPECT_EQ(kept(0.949999, 0.95), Verdict::kWorse);
  EXPECT_EQ(kept(0.945, 0.95), Verdict::kWorse);
  EXPECT_EQ(kept(0.8 - 1e-12, 0.8), Verdict::kWorse);
  EXPECT_EQ(kept(0.8, 0.8), Verdict::kSame);
  // Near the gate with an interval across it, nobody can say.
  Rules rules;
  rules.quality_threshold = 1 / 0.95 - 1;
  Judgement judgement;
  judgement.direction = 1;
  judge_values(judgement, with_interval(1, 0.0001, 1), with_interval(0.950001, 0.01, 1), rules);
  EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
}

TEST(Values, WhatNobodyDeclaredIsNotGuessed) {
  MetricRecord a = value_metric("theirs", 100), b = value_metric("theirs", 150);
  a.def.basis = b.def.basis = Basis::kUndeclared;
  EXPECT_EQ(judged(a, b).verdict, Verdict::kAmbiguous);
  EXPECT_TRUE(has_reason(judged(a, b), "not_declared"));
}

TEST(Values, MemoryOfProcessesMayDifferByTheirNoise) {
  // 100 kB of 120 MB between processes: more than nothing, and no reason to stop anybody.
  const auto peak = [](double value) {
    MetricRecord metric = value_metric("peak_rss", value, "B");
    metric.def.basis = Basis::kMeasured;
    return metric;
  };
  EXPECT_EQ(judged(peak(120.0e6), peak(121.5e6)).verdict, Verdict::kSame);
  EXPECT_EQ(judged(peak(120.0e6), peak(150.0e6)).verdict, Verdict::kWorse);
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
