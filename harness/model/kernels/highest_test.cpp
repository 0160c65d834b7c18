#include "harness/model/kernels/highest.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace assay {
namespace {

at::Tensor mask(const std::vector<std::int64_t>& values, std::int64_t rows) {
  return at::tensor(values, at::kLong).to(at::kBool).view({rows, -1});
}

/// The same by sorting each row.
at::Tensor by_sorting(const at::Tensor& scores, std::int64_t count) {
  const at::Tensor order = std::get<1>(at::sort(scores, /*stable=*/true, 1, /*descending=*/true));
  at::Tensor expected = at::zeros(scores.sizes(), at::kBool);
  expected.scatter_(1, order.narrow(1, 0, count), true);
  return expected;
}

TEST(Highest, TakesEqualScoresInTheirOrder) {
  const at::Tensor scores =
      at::tensor({1.0F, 3.0F, 3.0F, 2.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({2, 4});
  EXPECT_TRUE(highest(scores, 2).equal(mask({0, 1, 1, 0, 1, 1, 0, 0}, 2)));
  EXPECT_TRUE(highest(scores, 1).equal(mask({0, 1, 0, 0, 1, 0, 0, 0}, 2)));
}

TEST(Highest, IsASortOfEachRow) {
  const float endless = std::numeric_limits<float>::infinity();
  const at::Tensor few = at::randint(-4, 5, {50, 20}, at::kLong).to(at::kFloat);  // many equal
  const at::Tensor edges =
      at::cat({few, at::full({50, 2}, endless), at::full({50, 1}, -endless)}, 1);
  const at::Tensor tiny = at::randn({50, 20}).mul(1e-40);  // subnormal
  const at::Tensor many = at::randn({7, 9001}).mul(at::randn({7, 9001}).mul(20).exp());
  for (const at::Tensor& scores : {few, edges, tiny, many}) {
    const std::int64_t units = scores.size(1);
    for (const std::int64_t count :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, units / 2, units}) {
      EXPECT_TRUE(highest(scores, count).equal(by_sorting(scores, count))) << count;
    }
  }
}

TEST(Highest, KnowsOneZero) {
  const at::Tensor scores = at::tensor({-1.0F, -0.0F, 0.0F, -0.0F}).view({1, 4});
  EXPECT_TRUE(highest(scores, 2).equal(mask({0, 1, 1, 0}, 1)));
}

TEST(Highest, TakesWhatIsNotANumberForTheLargest) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor scores = at::tensor({1.0F, nan, 3.0F, -nan}).view({1, 4});
  EXPECT_TRUE(highest(scores, 2).equal(mask({0, 1, 0, 1}, 1)));
}

TEST(Highest, OfOtherTypesIsTheSame) {
  const at::Tensor scores = at::randint(0, 9, {30, 40}, at::kLong).to(at::kFloat);
  EXPECT_TRUE(highest(scores.to(at::kDouble), 11).equal(highest(scores, 11)));
}

TEST(Highest, ReadsRowsThatLieApart) {
  const at::Tensor scores = at::randn({30, 8}).t();
  EXPECT_TRUE(highest(scores, 11).equal(by_sorting(scores, 11)));
}

TEST(SelectionOf, ListsWhatIsChosen) {
  for (const at::Tensor& chosen : {mask({0, 1, 1, 0, 1}, 1)[0], mask({0, 0, 0}, 1)[0],
                                   mask({1, 1, 1}, 1)[0], at::randn({999}).gt(0)}) {
    const Selection selection = selection_of(chosen);
    const at::Tensor expected = chosen.nonzero().flatten();
    ASSERT_EQ(selection.count.item<std::int32_t>(), expected.numel());
    EXPECT_TRUE(selection.indices.narrow(0, 0, expected.numel()).to(at::kLong).equal(expected));
  }
}

}  // namespace
}  // namespace assay
