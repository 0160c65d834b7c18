// Both decompositions against the singular values that their theorems speak of.
#include "harness/compress/low_rank.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <tuple>

#include "harness/base/errors.h"

namespace assay {
namespace {

at::Tensor product(const LowRank& low_rank) {
  return low_rank.left.to(at::kDouble).matmul(low_rank.right.to(at::kDouble));
}

/// Sum of the squared singular values from `rank` on.
double tail(const at::Tensor& matrix, std::int64_t rank) {
  const at::Tensor values = at::linalg_svdvals(matrix.to(at::kDouble));
  return values.narrow(0, rank, values.size(0) - rank).square().sum().item<double>();
}

class Shapes : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(Shapes, PlainErrorIsTheRestOfTheSpectrum) {
  const auto [out, in, rank] = GetParam();
  const at::Tensor weight = at::randn({out, in});
  const LowRank found = svd_plain(weight, rank);
  ASSERT_EQ(found.left.sizes(), at::IntArrayRef({out, rank}));
  ASSERT_EQ(found.right.sizes(), at::IntArrayRef({rank, in}));
  const double error = (weight.to(at::kDouble) - product(found)).square().sum().item<double>();
  const double expected = tail(weight, rank);
  EXPECT_NEAR(error, expected, 1e-5 * expected + 1e-6);
}

TEST_P(Shapes, WeightedErrorIsTheRestOfTheOutputsSpectrum) {
  const auto [out, in, rank] = GetParam();
  const at::Tensor weight = at::randn({out, in});
  const at::Tensor x =
      at::randn({300, 10}).matmul(at::randn({10, in})) + at::randn({300, in}) * 0.2;
  const auto output_error = [&](const LowRank& low_rank) {
    const at::Tensor change = weight.to(at::kDouble) - product(low_rank);
    return x.to(at::kDouble).matmul(change.t()).square().sum().item<double>();
  };
  const double found = output_error(svd_weighted(weight, x.t().matmul(x), rank, 0));
  const double optimum = tail(x.to(at::kDouble).matmul(weight.to(at::kDouble).t()), rank);
  EXPECT_NEAR(found, optimum, 1e-3 * optimum + 1e-3);
  if (rank == std::min(out, in)) return;
  EXPECT_LT(found, output_error(svd_plain(weight, rank)));
}

INSTANTIATE_TEST_SUITE_P(OutInRank, Shapes,
                         ::testing::Values(std::tuple(40, 24, 7), std::tuple(24, 40, 7),
                                           std::tuple(30, 30, 1), std::tuple(20, 32, 20)));

TEST(LowRankTest, TheScaleOfTheActivationsDoesNotMatter) {
  const at::Tensor weight = at::randn({12, 20});
  const at::Tensor x = at::randn({50, 20});
  const at::Tensor gram = x.t().matmul(x);
  const at::Tensor one = product(svd_weighted(weight, gram, 5, 0.01));
  const at::Tensor other = product(svd_weighted(weight, gram * 1024, 5, 0.01));
  EXPECT_LT((one - other).abs().max().item<double>(), 1e-4);
}

TEST(LowRankTest, DampingHelpsWhereInputsAreMissing) {
  const at::Tensor x = at::randn({50, 20});
  x.narrow(1, 3, 2).zero_();
  const at::Tensor gram = x.t().matmul(x);
  EXPECT_THROW(svd_weighted(at::randn({12, 20}), gram, 5, 0), UserError);
  EXPECT_TRUE(
      product(svd_weighted(at::randn({12, 20}), gram, 5, 0.01)).isfinite().all().item<bool>());
}

TEST(LowRankTest, BothFactorsHaveTheSameScale) {
  const LowRank found = svd_plain(at::randn({40, 24}), 6);
  const at::Tensor left = found.left.square().sum(0);
  const at::Tensor right = found.right.square().sum(1);
  EXPECT_LT(((left - right) / right).abs().max().item<double>(), 1e-4);
}

TEST(LowRankTest, RefusesImpossibleRanksAndNaN) {
  at::Tensor weight = at::randn({8, 6});
  EXPECT_THROW(svd_plain(weight, 0), std::logic_error);
  EXPECT_THROW(svd_plain(weight, 7), std::logic_error);
  weight[0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(svd_plain(weight, 3), UserError);
}

}  // namespace
}  // namespace assay
