// The published accounting, number by number.
#include "methods/tardis/traffic.h"

#include <gtest/gtest.h>

#include "methods/tardis/predictor.h"

namespace assay {
namespace {

constexpr FfnShape kFourTimes{256, 1024};

TEST(Traffic, PredictorsInPercentOfTheDenseBlock) {
  EXPECT_NEAR(100 * predictor_share(1, 16 + 1, 128), 3.54, 0.005);
  EXPECT_NEAR(100 * predictor_share(2, 16 + 2, 128), 6.69, 0.005);
  EXPECT_NEAR(100 * predictor_share(4, 16 + 4, 128), 12.99, 0.005);
  EXPECT_NEAR(100 * predictor_share(1, 16 + 16, 128), 3.91, 0.005);
  EXPECT_NEAR(100 * predictor_share(2, 16 + 16, 128), 7.03, 0.005);
  EXPECT_NEAR(100 * predictor_share(4, 16 + 16, 128), 13.28, 0.005);
}

TEST(Traffic, AllowedFallbackOfEachTarget) {
  const double fold = fold_share(kFourTimes);
  EXPECT_DOUBLE_EQ(fold, 0.125);
  const double small = fold + predictor_share(2, 18, 128),
               large = fold + predictor_share(2, 32, 128);
  const double table[][4] = {
      {0.5, 37.5, 30.8, 30.5}, {0.7, 17.5, 10.8, 10.5}, {0.8, 7.5, 0.8, 0.5}};
  for (const auto& [target, alone, counted, wide] : table) {
    EXPECT_NEAR(100 * allowed_fallback(target, fold), alone, 0.05);
    EXPECT_NEAR(100 * allowed_fallback(target, small), counted, 0.05);
    EXPECT_NEAR(100 * allowed_fallback(target, large), wide, 0.05);
  }
  EXPECT_NEAR(100 * (1 - fold), 87.5, 1e-9);
  EXPECT_NEAR(100 * (1 - small), 80.8, 0.05);
  EXPECT_NEAR(100 * (1 - large), 80.5, 0.05);
}

TEST(Traffic, ThePapersRatioCountsFoldAndFallback) {
  EXPECT_DOUBLE_EQ(paper_ratio(kFourTimes, 0), 0.875);
  EXPECT_DOUBLE_EQ(paper_ratio(kFourTimes, 0.075), 0.8);
}

/// What is stored: codes, a 16-bit scale and an 8-bit zero point for each group.
TEST(Traffic, StoredPredictorsTakeWhatTheFormulaSays) {
  for (const auto& [kind, bits] :
       {std::pair{PredictorKind::kGptq2, 2.0}, std::pair{PredictorKind::kRtn4, 4.0}}) {
    EXPECT_DOUBLE_EQ(predictor_bytes_share({.kind = kind, .group = 128}, kFourTimes),
                     predictor_share(bits, 16 + 8, 128));
  }
  EXPECT_DOUBLE_EQ(predictor_bytes_share({.kind = PredictorKind::kOracle}, kFourTimes), 0.5);
}

TEST(Traffic, ALowRankPredictorTakesNoMoreThanTheTwoBitOne) {
  const double two_bits = predictor_bytes_share({.kind = PredictorKind::kGptq2}, kFourTimes);
  const double low_rank = predictor_bytes_share({.kind = PredictorKind::kLowRank}, kFourTimes);
  EXPECT_LE(low_rank, two_bits);
  EXPECT_GT(low_rank, 0.9 * two_bits);
}

}  // namespace
}  // namespace assay
