#include "harness/suite/step_log.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

at::Tensor told(const std::vector<float>& values) { return at::tensor(values); }

constexpr StepFact kShare{"share", StepFact::Over::kMean};

Cost fixed(std::int64_t bytes, std::int64_t flops) {
  Cost cost;
  cost.touched_bytes = bytes;
  cost.flops_per_token = flops;
  return cost;
}

TEST(StepLog, AddsLayersOfAPassAndKeepsPassesApart) {
  StepLog log;
  EXPECT_TRUE(log.empty());
  log.observe(1, kTouchedBytes, told({10, 20}));  // layer 0 has nothing to tell
  log.observe(3, kTouchedBytes, told({1, 2}));
  log.observe(1, kTouchedBytes, told({5}));
  EXPECT_EQ(log.of(kTouchedBytes), (std::vector<double>{11, 22, 5}));
  EXPECT_TRUE(log.of(kShare).empty());
}

TEST(StepLog, PartsOfALayerBelongToOnePassWherePassesAreTold) {
  StepLog log;
  for (const float base : {10.0F, 40.0F}) {
    log.begin_pass();
    log.observe(0, kTouchedBytes, told({base, base + 1}));
    log.observe(0, kTouchedBytes, told({5, 6}));
    log.observe(0, kShare, told({0.5F, 0}));
    log.observe(0, kShare, told({1, 0}));
  }
  EXPECT_EQ(log.of(kTouchedBytes), (std::vector<double>{15, 17, 45, 47}));
  EXPECT_EQ(log.of(kShare), (std::vector<double>{0.75, 0, 0.75, 0}));
}

TEST(StepLog, SharesAreMeansOverTheLayersThatTold) {
  StepLog log;
  log.observe(0, kShare, told({0.5F, 0.0F}));
  log.observe(2, kShare, told({0.25F, 1.0F}));
  EXPECT_EQ(log.of(kShare), (std::vector<double>{0.375, 0.5}));
}

TEST(StepMetrics, FixedBytesAloneWhenNobodyTold) {
  const std::vector<MetricValue> metrics = step_metrics(StepLog(), fixed(700, 30));
  ASSERT_EQ(metrics.size(), 3U);
  EXPECT_EQ(metrics[0].tag, "step/touched_bytes");
  EXPECT_EQ(*metrics[0].value, 700);
  EXPECT_EQ(*metrics[1].value, 700);
  EXPECT_EQ(metrics[2].tag, "step/flops_per_token");
  EXPECT_EQ(*metrics[2].value, 30);
}

TEST(StepMetrics, MeanAndPercentileOverTokens) {
  StepLog log;
  std::vector<float> bytes(101);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<float>(i);
  log.observe(0, kTouchedBytes, told(bytes));
  log.observe(0, kShare, told({0.25F, 0.75F}));
  log.observe(0, kFlopsPerToken, told({10, 30}));
  const std::vector<MetricValue> metrics = step_metrics(log, fixed(1000, 5));
  ASSERT_EQ(metrics.size(), 5U);
  EXPECT_DOUBLE_EQ(*metrics[0].value, 1050);
  EXPECT_DOUBLE_EQ(*metrics[1].value, 1095);
  EXPECT_DOUBLE_EQ(*metrics[2].value, 25);
  EXPECT_DOUBLE_EQ(*metrics[3].value, 0.5);
  EXPECT_EQ(metrics[3].tag, "step/share");
  EXPECT_EQ(metrics[3].n, 2);
  EXPECT_EQ(metrics[4].tag, "step/layer.0/share");
}

TEST(StepLog, MeansOfEachLayerWhereLayersDoNotAddUp) {
  StepLog log;
  for (const float base : {0.0F, 0.5F}) {
    log.begin_pass();
    log.observe(1, kShare, told({base, base + 0.25F}));
    log.observe(4, kShare, told({1, 1}));
    log.observe(4, kTouchedBytes, told({1, 1}));
  }
  EXPECT_EQ(log.by_layer("share"), (std::map<std::int64_t, double>{{1, 0.375}, {4, 1}}));
  EXPECT_TRUE(log.by_layer("touched_bytes").empty());
  EXPECT_TRUE(log.by_layer("unheard of").empty());
}

TEST(StepMetrics, APercentileOfFewTokensIsAbsent) {
  StepLog log;
  std::vector<float> bytes(89);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<float>(i);
  log.observe(0, kTouchedBytes, told(bytes));
  const std::vector<MetricValue> metrics = step_metrics(log, {});
  EXPECT_TRUE(metrics[0].value.has_value());
  EXPECT_FALSE(metrics[1].value.has_value());
  EXPECT_EQ(metrics[1].null_reason, "n too small: 89 of 90 tokens");
}

TEST(StepMetrics, EqualTokensNeedNoMany) {
  StepLog log;
  log.observe(0, kTouchedBytes, told({7, 7}));
  EXPECT_EQ(*step_metrics(log, fixed(1, 0)).at(1).value, 8);
}

}  // namespace
}  // namespace assay
