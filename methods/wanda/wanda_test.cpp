// Published golden vectors, and the whole score and choice against plain loops.
#include "methods/wanda/wanda.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {
namespace {

at::Tensor golden_weight() {
  return at::tensor({4.F,  -1.F, 2.F, -3.F, 1.F, 5.F, -2.F, 3.F, 1.F, 6.F,  -2.F, 2.F,
                     -4.F, 1.F,  3.F, -1.F, 2.F, 2.F, -5.F, 1.F, 3.F, -2.F, 1.F,  4.F})
      .view({3, 8});
}

at::Tensor golden_inputs() {
  return at::tensor({1.F,  0.F, 2.F, 1.F,  0.F, 1.F, 0.F, 1.F, 0.F, 1.F, 1.F,
                     -1.F, 2.F, 0.F, 1.F,  1.F, 2.F, 1.F, 0.F, 1.F, 0.F, -1.F,
                     1.F,  0.F, 1.F, -1.F, 1.F, 0.F, 1.F, 1.F, 0.F, 2.F})
      .view({4, 8});
}

at::Tensor golden_square_norm() { return golden_inputs().square().sum(0); }

std::string as_text(const at::Tensor& keep) {
  std::string text;
  for (std::int64_t r = 0; r < keep.size(0); ++r) {
    if (r > 0) text += "/";
    for (std::int64_t c = 0; c < keep.size(1); ++c) text += keep[r][c].item<bool>() ? '1' : '0';
  }
  return text;
}

TEST(Wanda, GoldenStatisticAndMasks) {
  EXPECT_TRUE(
      at::equal(golden_square_norm(), at::tensor({6.F, 3.F, 6.F, 3.F, 5.F, 3.F, 2.F, 6.F})));
  const at::Tensor scores = wanda_scores(golden_weight(), golden_square_norm());
  EXPECT_EQ(as_text(keep_per_row(scores, 0.5)), "10010101/01101010/10101001");
  EXPECT_EQ(as_text(keep_n_of_m(scores, {2, 4})), "10010101/01101010/10101001");
}

/// Plain loops: the float product, a stable sort of indices, the first int(columns * ratio) go.
std::vector<bool> naive_row(const float* weight, const std::vector<float>& square_norm,
                            double ratio) {
  const std::size_t columns = square_norm.size();
  std::vector<float> score(columns);
  for (std::size_t c = 0; c < columns; ++c) {
    score[c] = std::fabs(weight[c]) * std::sqrt(square_norm[c]);
  }
  std::vector<std::size_t> order(columns);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  std::vector<bool> keep(columns, true);
  for (std::size_t i = 0; i < static_cast<std::size_t>(static_cast<double>(columns) * ratio); ++i) {
    keep[order[i]] = false;
  }
  return keep;
}

TEST(Wanda, MasksEqualPlainLoopsWithTiesAndDeadChannels) {
  for (const double ratio : {0.25, 0.5, 0.7}) {
    at::Tensor weight = at::randn({11, 30});
    weight.narrow(0, 0, 5).mul_(2).round_().div_(2);  // ties
    at::Tensor square_norm = at::rand({30});
    square_norm.narrow(0, 3, 4).zero_();  // dead channels: all of their scores are 0
    const std::vector<float> norms(square_norm.const_data_ptr<float>(),
                                   square_norm.const_data_ptr<float>() + 30);
    const at::Tensor keep = keep_per_row(wanda_scores(weight, square_norm), ratio);
    for (std::int64_t r = 0; r < 11; ++r) {
      const std::vector<bool> expected =
          naive_row(weight.const_data_ptr<float>() + r * 30, norms, ratio);
      for (std::int64_t c = 0; c < 30; ++c) {
        EXPECT_EQ(keep[r][c].item<bool>(), expected[static_cast<std::size_t>(c)]) << r << "," << c;
      }
    }
  }
}

TEST(Wanda, MaskDoesNotDependOnTheScaleOfTheStatistic) {
  const at::Tensor weight = at::randn({16, 40});
  const at::Tensor square_norm = at::rand({40}).add(0.1);
  EXPECT_TRUE(at::equal(keep_per_row(wanda_scores(weight, square_norm), 0.5),
                        keep_per_row(wanda_scores(weight, square_norm.mul(1024)), 0.5)));
}

/// Bisection over alpha with plain loops in double.
double naive_adaptive_sparsity(const at::Tensor& scores, double alpha) {
  std::int64_t pruned = 0;
  for (std::int64_t r = 0; r < scores.size(0); ++r) {
    const float* row = scores.const_data_ptr<float>() + r * scores.size(1);
    std::vector<double> sorted(row, row + scores.size(1));
    std::sort(sorted.begin(), sorted.end());
    const double limit = alpha * std::accumulate(sorted.begin(), sorted.end(), 0.0);
    double sum = 0;
    for (const double score : sorted) pruned += (sum += score) <= limit ? 1 : 0;
  }
  return static_cast<double>(pruned) / static_cast<double>(scores.numel());
}

TEST(WandaVariant, ReachesTheSparsityAndPrunesTheSmallestOfEachRow) {
  const at::Tensor scores = at::randn({64, 128}).abs();
  for (const double ratio : {0.3, 0.5, 0.7}) {
    const at::Tensor keep = wanda_adaptive_keep(scores, ratio);
    const double pruned = 1 - keep.to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(pruned, ratio, 0.002);
    double low = 0, high = 0.8;  // an alpha of which the same count comes
    for (int i = 0; i < 40; ++i) {
      (naive_adaptive_sparsity(scores, (low + high) / 2) > pruned ? high : low) = (low + high) / 2;
    }
    EXPECT_NEAR(naive_adaptive_sparsity(scores, low), pruned, 0.001);
    for (std::int64_t r = 0; r < scores.size(0); ++r) {
      const at::Tensor row = scores[r], kept = keep[r];
      if (!kept.all().item<bool>()) {
        EXPECT_LT(row.masked_select(kept.logical_not()).max().item<float>(),
                  row.masked_select(kept).min().item<float>());
      }
    }
  }
}

TEST(WandaVariant, ARowWithOneDominantScoreIsNotEmptied) {
  at::Tensor scores = at::rand({8, 4}).add(1);
  scores[0] = at::tensor({1.F, 1.F, 1.F, 1.F});  // alpha * 4 < 1 admits none
  const at::Tensor keep = wanda_adaptive_keep(scores, 0.01);
  EXPECT_TRUE(keep.any(1).all().item<bool>());
  EXPECT_TRUE(wanda_adaptive_keep(scores, 0).all().item<bool>());
}

}  // namespace
}  // namespace assay
