#include "harness/suite/step_log.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

at::Tensor told(const std::vector<float>& values) { return at::tensor(values); }

TEST(StepLog, AddsLayersOfAPassAndKeepsPassesApart) {
  StepLog log;
  EXPECT_TRUE(log.empty());
  log.observe(1, StepFact::kTouchedBytes, told({10, 20}));  // layer 0 has nothing to tell
  log.observe(3, StepFact::kTouchedBytes, told({1, 2}));
  log.observe(1, StepFact::kTouchedBytes, told({5}));
  EXPECT_EQ(log.touched_bytes(), (std::vector<double>{11, 22, 5}));
  EXPECT_TRUE(log.fallback_share().empty());
}

TEST(StepLog, SharesAreMeansOverTheLayersThatTold) {
  StepLog log;
  log.observe(0, StepFact::kFallbackShare, told({0.5F, 0.0F}));
  log.observe(2, StepFact::kFallbackShare, told({0.25F, 1.0F}));
  EXPECT_EQ(log.fallback_share(), (std::vector<double>{0.375, 0.5}));
}

TEST(StepMetrics, FixedBytesAloneWhenNobodyTold) {
  const std::vector<MetricValue> metrics = step_metrics(StepLog(), 700);
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics[0].tag, "step/touched_bytes");
  EXPECT_EQ(*metrics[0].value, 700);
  EXPECT_EQ(*metrics[1].value, 700);
}

TEST(StepMetrics, MeanAndPercentileOverTokens) {
  StepLog log;
  std::vector<float> bytes(101);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<float>(i);
  log.observe(0, StepFact::kTouchedBytes, told(bytes));
  log.observe(0, StepFact::kFallbackShare, told({0.25F, 0.75F}));
  const std::vector<MetricValue> metrics = step_metrics(log, 1000);
  ASSERT_EQ(metrics.size(), 3U);
  EXPECT_DOUBLE_EQ(*metrics[0].value, 1050);
  EXPECT_DOUBLE_EQ(*metrics[1].value, 1095);
  EXPECT_DOUBLE_EQ(*metrics[2].value, 0.5);
  EXPECT_EQ(metrics[2].n, 2);
}

TEST(StepMetrics, APercentileOfFewTokensIsAbsent) {
  StepLog log;
  std::vector<float> bytes(89);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<float>(i);
  log.observe(0, StepFact::kTouchedBytes, told(bytes));
  const std::vector<MetricValue> metrics = step_metrics(log, 0);
  EXPECT_TRUE(metrics[0].value.has_value());
  EXPECT_FALSE(metrics[1].value.has_value());
  EXPECT_EQ(metrics[1].null_reason, "n too small: 89 of 90 tokens");
}

TEST(StepMetrics, EqualTokensNeedNoMany) {
  StepLog log;
  log.observe(0, StepFact::kTouchedBytes, told({7, 7}));
  EXPECT_EQ(*step_metrics(log, 1).at(1).value, 8);
}

}  // namespace
}  // namespace assay
