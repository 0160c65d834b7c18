// Published golden vectors, invariants, and plain loops beside them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/base/errors.h"
#include "methods/ria/assignment.h"
#include "methods/ria/permutation.h"
#include "methods/ria/score.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
constexpr Pattern kTwoOfFour{2, 4};

at::Tensor golden_weight() {
  return at::tensor({4.F,  -1.F, 2.F, -3.F, 1.F, 5.F, -2.F, 3.F, 1.F, 6.F,  -2.F, 2.F,
                     -4.F, 1.F,  3.F, -1.F, 2.F, 2.F, -5.F, 1.F, 3.F, -2.F, 1.F,  4.F})
      .view({3, 8});
}

at::Tensor golden_scores() {
  const at::Tensor square_norm = at::tensor({6.F, 3.F, 6.F, 3.F, 5.F, 3.F, 2.F, 6.F});
  return ria_scores(golden_weight(), square_norm, 0.5, at::kFloat);
}

ChannelOrder identity(std::int64_t channels) {
  ChannelOrder order(static_cast<std::size_t>(channels));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::string as_text(const at::Tensor& keep) {
  std::string text;
  for (std::int64_t r = 0; r < keep.size(0); ++r) {
    if (r > 0) text += "/";
    for (std::int64_t c = 0; c < keep.size(1); ++c) text += keep[r][c].item<bool>() ? '1' : '0';
  }
  return text;
}

TEST(RiaScore, Golden) {
  const at::Tensor expected =
      at::tensor({1.192445F, 0.208901F, 0.496852F, 0.846048F, 0.258126F, 1.135897F,
                  0.509660F, 0.810490F, 0.301838F, 1.272205F, 0.504305F, 0.570299F,
                  1.046744F, 0.230313F, 0.772985F, 0.273890F, 0.603675F, 0.424068F,
                  1.260763F, 0.285149F, 0.785058F, 0.460626F, 0.257662F, 1.095559F})
          .view({3, 8});
  EXPECT_TRUE(at::allclose(golden_scores(), expected, 0, 2e-6));
  const at::Tensor keep = keep_above_threshold(golden_scores(), 0.5);
  EXPECT_EQ(as_text(keep), "10010101/01001010/10101001");
  EXPECT_EQ(keep.logical_not().sum().item<std::int64_t>(), 13);
}

TEST(RiaScore, PowerZeroIsRelativeImportance) {
  const at::Tensor weight = at::randn({5, 12}), norm = at::rand({12});
  for (const at::ScalarType dtype : {at::kHalf, at::kFloat}) {
    EXPECT_TRUE(at::equal(ria_scores(weight, norm, 0, dtype), relative_importance(weight, dtype)));
  }
}

TEST(RiaScore, DoesNotDependOnTheScaleOfTheWeights) {
  const at::Tensor weight = at::randn({5, 12});
  for (const at::ScalarType dtype : {at::kHalf, at::kFloat}) {
    EXPECT_TRUE(at::allclose(relative_importance(weight, dtype),
                             relative_importance(weight.mul(4), dtype), 1e-6, 0));
  }
}

TEST(RiaScore, MasksEqualPlainLoopsWithTiesAndDeadChannels) {
  at::Tensor weight = at::randn({9, 24}).mul(2).round().div(2);
  weight.select(1, 5).zero_();
  weight.select(0, 2).zero_();
  at::Tensor norm = at::rand({24});
  norm.narrow(0, 3, 3).zero_();
  std::vector<float> scores;
  for (std::int64_t r = 0; r < 9; ++r) {
    for (std::int64_t c = 0; c < 24; ++c) {
      float row = 0, column = 0;  // sums of halves are exact in fp32
      for (std::int64_t k = 0; k < 24; ++k) row += std::fabs(weight[r][k].item<float>());
      for (std::int64_t k = 0; k < 9; ++k) column += std::fabs(weight[k][c].item<float>());
      const float w = std::fabs(weight[r][c].item<float>());
      const float share = (column > 0 ? w / column : 0) + (row > 0 ? w / row : 0);
      scores.push_back(share * std::pow(std::sqrt(norm[c].item<float>()), 0.5F));
    }
  }
  const at::Tensor got = ria_scores(weight, norm, 0.5, at::kFloat);
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end());
  const float threshold = sorted[sorted.size() / 2];
  const at::Tensor keep = keep_above_threshold(got, 0.5).flatten();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_NEAR(got.flatten()[static_cast<std::int64_t>(i)].item<float>(), scores[i], 1e-6);
    EXPECT_EQ(keep[static_cast<std::int64_t>(i)].item<bool>(), scores[i] > threshold) << i;
  }
}

TEST(RiaScore, Fp16RoundsAfterEveryStep) {
  const at::Tensor weight = at::tensor({0.1F, 0.2F, 0.3F, 0.4F}).view({2, 2});
  const auto half = [](float x) { return static_cast<float>(at::Half(x)); };
  const float first = half(half(0.1F) / half(half(0.1F) + half(0.3F)));
  const float second = half(half(0.1F) / half(half(0.1F) + half(0.2F)));
  EXPECT_EQ(relative_importance(weight, at::kHalf)[0][0].item<float>(), half(first + second));
}

TEST(RiaPermutation, GoldenHeuristic) {
  const ChannelOrder ascending = channels_by_key(golden_scores(), kTwoOfFour, ChannelKey::kSum);
  EXPECT_THAT(ascending, ElementsAre(6, 3, 5, 1, 4, 0, 7, 2));
  EXPECT_THAT(snake_order(ascending, 4), ElementsAre(6, 1, 4, 2, 3, 5, 0, 7));
  EXPECT_THAT(snake_order(identity(8), 4), ElementsAre(0, 3, 4, 7, 1, 2, 5, 6));
}

TEST(RiaPermutation, GoldenRetainedScoresOfEveryStage) {
  const at::Tensor scores = golden_scores();
  EXPECT_NEAR(retained_score(scores, kTwoOfFour, identity(8)), 11.392168, 5e-6);
  ChannelOrder order = {6, 1, 4, 2, 3, 5, 0, 7};
  EXPECT_NEAR(retained_score(scores, kTwoOfFour, order), 10.270996, 5e-6);
  const double after_slot[] = {10.810069, 11.392168, 11.392168, 11.392168};
  for (std::int64_t slot = 0; slot < 4; ++slot) {
    const std::vector<std::int64_t> source =
        best_assignment(slot_gains(scores, kTwoOfFour, order, slot), 2);
    if (source[0] == 1)
      std::swap(order[static_cast<std::size_t>(slot)], order[static_cast<std::size_t>(4 + slot)]);
    EXPECT_NEAR(retained_score(scores, kTwoOfFour, order), after_slot[slot], 5e-6);
    if (slot == 0) {
      EXPECT_THAT(order, ElementsAre(3, 1, 4, 2, 6, 5, 0, 7));
    }
    if (slot == 1) {
      EXPECT_THAT(order, ElementsAre(3, 5, 4, 2, 6, 1, 0, 7));
    }
  }
  EXPECT_THAT(order, ElementsAre(3, 5, 4, 2, 6, 1, 0, 7));
  EXPECT_EQ(refine_by_assignment(scores, kTwoOfFour, {6, 1, 4, 2, 3, 5, 0, 7}, 1), order);
}

TEST(RiaPermutation, ExhaustiveOptimumOfTheGolden) {
  ChannelOrder order = identity(8);
  double best = 0;
  do {
    best = std::max(best, retained_score(golden_scores(), kTwoOfFour, order));
  } while (order[0] == 0 && std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(best, 11.392168, 5e-6);
}

TEST(RiaPermutation, RetainedDegreeSortsByScoreThenByPrunedCount) {
  // Channels 0 and 1 retain nothing and lose both weights; channel 3 retains 7, channel 2
  // retains 8.
  const at::Tensor scores = at::tensor({0.1F, 0.2F, 5.F, 3.F, 0.1F, 0.2F, 3.F, 4.F}).view({2, 4});
  EXPECT_THAT(channels_by_key(scores, {2, 4}, ChannelKey::kRetainedRow), ElementsAre(0, 1, 3, 2));
  const at::Tensor tied = at::tensor({4.F, 2.F, 0.F, 0.F, 0.F, 2.F, 0.F, 3.F}).view({2, 4});
  // Kept: row 0 channels 0, 1; row 1 channels 1, 3. Channels 0 and 1 retain 4, 0 lost one weight.
  EXPECT_THAT(channels_by_key(tied, {2, 4}, ChannelKey::kRetainedRow), ElementsAre(2, 3, 1, 0));
}

/// Retained score of one group of one row, by sorting.
double retained_of_group(std::vector<float> group, std::int64_t keep) {
  std::sort(group.begin(), group.end(), std::greater<>());
  return std::accumulate(group.begin(), group.begin() + keep, 0.0);
}

TEST(RiaPermutation, ClosedFormEqualsSortingEveryCandidateGroup) {
  for (const Pattern pattern : {Pattern{2, 4}, {4, 8}, {1, 4}, {3, 4}, {1, 2}}) {
    const std::int64_t groups = 5, rows = 7, channels = groups * pattern.group;
    const at::Tensor scores = at::rand({rows, channels}).mul(8).round();
    ChannelOrder order = identity(channels);
    std::rotate(order.begin(), order.begin() + 3, order.end());
    for (std::int64_t slot = 0; slot < pattern.group; ++slot) {
      const std::vector<double> gains = slot_gains(scores, pattern, order, slot);
      for (std::int64_t g = 0; g < groups; ++g) {
        for (std::int64_t c = 0; c < groups; ++c) {
          double want = 0;
          for (std::int64_t r = 0; r < rows; ++r) {
            std::vector<float> group;
            for (std::int64_t s = 0; s < pattern.group; ++s) {
              const std::int64_t from = s == slot ? c : g;
              group.push_back(scores[r][order[static_cast<std::size_t>(from * pattern.group + s)]]
                                  .item<float>());
            }
            want += retained_of_group(group, pattern.group - pattern.prune);
          }
          EXPECT_NEAR(gains[static_cast<std::size_t>(g * groups + c)], want, 1e-9);
        }
      }
    }
  }
}

TEST(RiaPermutation, RefiningNeverLowersTheRetainedScoreAndStaysAPermutation) {
  for (const std::int64_t blocks : {1, 3, 100}) {
    const at::Tensor scores = at::rand({20, 64}).square();
    const ChannelOrder start =
        snake_order(channels_by_key(scores, kTwoOfFour, ChannelKey::kSum), 4);
    ChannelOrder order = refine_by_assignment(scores, kTwoOfFour, start, blocks);
    EXPECT_GE(retained_score(scores, kTwoOfFour, order),
              retained_score(scores, kTwoOfFour, start) - 1e-9);
    if (blocks == 1) {
      EXPECT_GT(retained_score(scores, kTwoOfFour, order),
                retained_score(scores, kTwoOfFour, identity(64)));
    }
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, identity(64));
  }
}

TEST(RiaPermutation, MaskIsInTheOriginalOrderAndNOfMInThePermutedOne) {
  const at::Tensor scores = at::rand({6, 16});
  ChannelOrder order = identity(16);
  std::reverse(order.begin() + 2, order.end());
  const at::Tensor keep = keep_permuted(scores, kTwoOfFour, order);
  double retained = 0;
  for (std::int64_t r = 0; r < 6; ++r) {
    for (std::size_t g = 0; g < 16; g += 4) {
      int pruned = 0;
      for (std::size_t s = g; s < g + 4; ++s) pruned += keep[r][order[s]].item<bool>() ? 0 : 1;
      EXPECT_EQ(pruned, 2);
    }
    retained += scores[r].masked_select(keep[r]).sum().item<double>();
  }
  EXPECT_NEAR(retained, retained_score(scores, kTwoOfFour, order), 1e-5);
}

double total(const std::vector<double>& gain, std::int64_t n, const std::vector<std::int64_t>& to) {
  double sum = 0;
  for (std::int64_t r = 0; r < n; ++r) {
    sum += gain[static_cast<std::size_t>(r * n + to[static_cast<std::size_t>(r)])];
  }
  return sum;
}

TEST(Assignment, EqualsBruteForceUpToSeven) {
  for (std::int64_t n = 1; n <= 7; ++n) {
    for (int repeat = 0; repeat < 30; ++repeat) {
      at::Tensor random = at::randn({n * n}).mul(repeat % 2 == 0 ? 10 : 2).to(at::kDouble);
      if (repeat % 2 == 1) random = random.round();  // ties
      const double* values = random.const_data_ptr<double>();
      const std::vector<double> gain(values, values + n * n);
      std::vector<std::int64_t> order = identity(n);
      double best = total(gain, n, order);
      while (std::next_permutation(order.begin(), order.end())) {
        best = std::max(best, total(gain, n, order));
      }
      std::vector<std::int64_t> got = best_assignment(gain, n);
      EXPECT_NEAR(total(gain, n, got), best, 1e-9);
      std::sort(got.begin(), got.end());
      EXPECT_EQ(got, identity(n));
    }
  }
}

TEST(Assignment, ALargeOneIsAPermutationNoSwapCanImprove) {
  const std::int64_t n = 120;
  const at::Tensor random = at::rand({n * n}, at::kDouble);
  const double* values = random.const_data_ptr<double>();
  const std::vector<double> gain(values, values + n * n);
  const auto at = [&](std::int64_t r, std::int64_t c) {
    return gain[static_cast<std::size_t>(r * n + c)];
  };
  const std::vector<std::int64_t> got = best_assignment(gain, n);
  std::vector<std::int64_t> sorted = got;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, identity(n));
  for (std::int64_t a = 0; a < n; ++a) {
    for (std::int64_t b = 0; b < a; ++b) {
      const std::int64_t ca = got[static_cast<std::size_t>(a)],
                         cb = got[static_cast<std::size_t>(b)];
      EXPECT_GE(at(a, ca) + at(b, cb), at(a, cb) + at(b, ca) - 1e-12);
    }
  }
}

TEST(Assignment, StaysWhereNothingIsBetter) {
  EXPECT_THAT(best_assignment(std::vector<double>(16, 1.0), 4), ElementsAre(0, 1, 2, 3));
}

}  // namespace
}  // namespace assay
