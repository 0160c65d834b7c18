// Scores against their definitions, and the golden vector of the decomposition.
#include "methods/ffsplit/scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_norm.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assay::ffsplit {
namespace {

using ::testing::ElementsAre;

at::Tensor indices(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

NeuronStatistics statistics_of(const at::Tensor& activations, std::int64_t top = 0) {
  NeuronStatistics statistics(top);
  statistics.add(activations, {});
  return statistics;
}

TEST(Scores, GoldenVector) {
  const at::Tensor x = at::tensor({1.F, 2.F, -1.F, 1.F}).view({2, 2});
  const at::Tensor u = at::tensor({1.F, 0.F, -1.F, 2.F, 0.F, 1.F, 1.F, -1.F}).view({2, 4});
  const at::Tensor v = at::tensor({1.F, 0.F, 0.F, 1.F, 1.F, 1.F, 2.F, 0.F}).view({4, 2});
  const NeuronStatistics statistics = statistics_of(at::relu(x.matmul(u)));
  const at::Tensor norms = v.to(at::kDouble).norm(2, 1);
  const at::Tensor a = score_neurons(ScoreMode::kNorm, statistics, norms);
  const at::Tensor b = score_neurons(ScoreMode::kNormTimesDown, statistics, norms);
  const double root5 = std::sqrt(5.0);
  EXPECT_TRUE(at::allclose(a, at::tensor({1.0, root5, root5, 0.0}, at::kDouble)));
  EXPECT_TRUE(at::allclose(b, at::tensor({1.0, root5, std::sqrt(10.0), 0.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(heaviest(b, 1), indices({2})));
  EXPECT_TRUE(at::equal(heaviest(a, 1), indices({1})));  // a tie: the first wins
  EXPECT_TRUE(at::equal(all_but(heaviest(b, 1), 4), indices({0, 1, 3})));
}

TEST(Scores, TheDefaultIsTheNormOfWhatANeuronAddsToTheOutput) {
  const at::Tensor activations = at::randn({40, 9});
  const at::Tensor v = at::randn({9, 6});
  const at::Tensor scores = score_neurons(ScoreMode::kNormTimesDown, statistics_of(activations),
                                          v.to(at::kDouble).norm(2, 1));
  for (std::int64_t j = 0; j < 9; ++j) {
    const at::Tensor added = at::outer(activations.select(1, j), v[j]).to(at::kDouble);
    const double expected = at::linalg_norm(added).item<double>();
    EXPECT_NEAR(scores[j].item<double>(), expected, 1e-5 * expected);
  }
}

TEST(Scores, OtherReadings) {
  const at::Tensor activations = at::tensor({3.F, -1.F, 0.F, -3.F, 2.F, 1.F}).view({2, 3});
  const NeuronStatistics statistics = statistics_of(activations, 1);
  const at::Tensor norms = at::tensor({1.0, 1.0, 1.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(score_neurons(ScoreMode::kMeanAbs, statistics, norms),
                           at::tensor({3.0, 1.5, 0.5}, at::kDouble)));
  EXPECT_TRUE(at::allclose(score_neurons(ScoreMode::kTopFrequency, statistics, norms),
                           at::tensor({1.0, 0.0, 0.0}, at::kDouble)));
}

TEST(Scores, Jaccard) {
  EXPECT_DOUBLE_EQ(jaccard(indices({1, 2, 3}), indices({2, 3, 4})), 0.5);
  EXPECT_DOUBLE_EQ(jaccard(indices({1}), indices({2})), 0);
  EXPECT_DOUBLE_EQ(jaccard(indices({}), indices({})), 1);
}

TEST(Counts, AreRoundedAndThenAlignedUpwards) {
  EXPECT_EQ(aligned_count(307.2, 3072, 1), 307);
  EXPECT_EQ(aligned_count(307.2, 3072, 8), 312);
  EXPECT_EQ(aligned_count(409.6, 4096, 1), 410);
  EXPECT_EQ(aligned_count(409.6, 4096, 32), 416);
  EXPECT_EQ(aligned_count(62, 64, 8), 64);
  EXPECT_EQ(aligned_count(0, 64, 8), 0);
}

TEST(Counts, GlobalRankingGivesTheLayersWhatTheirScoresDeserve) {
  const std::vector<at::Tensor> scores = {at::tensor({9.0, 8.0, 7.0, 0.1}, at::kDouble),
                                          at::tensor({6.0, 0.2, 0.3, 0.4}, at::kDouble)};
  EXPECT_THAT(global_counts(scores, 0.5, 1), ElementsAre(3, 1));
  EXPECT_THAT(global_counts(scores, 0.25, 1), ElementsAre(2, 0));
  EXPECT_THAT(global_counts(scores, 0.5, 2), ElementsAre(4, 2));
}

}  // namespace
}  // namespace assay::ffsplit
