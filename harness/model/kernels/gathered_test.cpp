// Chosen rows against loops in double precision.
#include "harness/model/kernels/gathered.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace assay {
namespace {

std::vector<std::int32_t> chosen(const Selection& selection) {
  const auto* first = selection.indices.const_data_ptr<std::int32_t>();
  return {first, first + selection.count.item<std::int32_t>()};
}

Selection select(std::int64_t neurons, const std::vector<std::int32_t>& indices) {
  Selection selection{at::full({neurons}, -7, at::kInt),
                      at::full({1}, static_cast<int>(indices.size()), at::kInt)};
  std::copy(indices.begin(), indices.end(), selection.indices.mutable_data_ptr<std::int32_t>());
  return selection;
}

std::vector<std::int32_t> every(std::int64_t neurons, std::int64_t step) {
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < neurons; i += step) indices.push_back(static_cast<std::int32_t>(i));
  return indices;
}

class Gathered : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(5); }
  c10::InferenceMode inference_;
};

TEST_F(Gathered, SelectsWhatLiesOutsideInAscendingOrder) {
  for (const std::int64_t neurons : {1, 7, 16, 33, 1000, 65536, 200003}) {
    const at::Tensor z = at::randn({neurons});
    const at::Tensor low = at::randn({neurons}) - 1, high = low + 2;
    std::vector<std::int32_t> expected;
    for (std::int64_t n = 0; n < neurons; ++n) {
      const float value = z.const_data_ptr<float>()[n];
      const bool inside =
          low.const_data_ptr<float>()[n] <= value && value <= high.const_data_ptr<float>()[n];
      if (!inside) expected.push_back(static_cast<std::int32_t>(n));
    }
    EXPECT_EQ(chosen(select_outside(z, low, high)), expected) << neurons;
  }
}

TEST_F(Gathered, SelectsNothingAllAndWhatIsNotANumber) {
  const at::Tensor one = at::full({100}, 1.0F);
  EXPECT_TRUE(chosen(select_outside(one, one, one)).empty()) << "the bounds belong to the range";
  EXPECT_EQ(chosen(select_outside(one, one + 1, one)), every(100, 1)) << "an empty range";
  EXPECT_EQ(chosen(select_outside(at::zeros({0}), at::zeros({0}), at::zeros({0}))).size(), 0U);
  at::Tensor z = one.clone();
  z[3] = std::numeric_limits<float>::quiet_NaN();
  z[99] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor infinite = at::full({100}, std::numeric_limits<float>::infinity());
  EXPECT_EQ(chosen(select_outside(z, -infinite, infinite)), (std::vector<std::int32_t>{3, 99}));
}

class GatheredTypes : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(6); }
  c10::InferenceMode inference_;
};

TEST_P(GatheredTypes, ProductEqualsTheNaiveLoop) {
  for (const std::int64_t width : {1, 5, 31, 64, 100, 576}) {
    for (const std::int64_t step : {1, 3, 200}) {
      const std::int64_t neurons = 150;
      const at::Tensor weight = at::randn({neurons, width}).to(GetParam());
      const at::Tensor x = at::randn({width}).to(GetParam());
      const at::Tensor bias = at::randn({neurons}).to(GetParam());
      const auto indices = every(neurons, step);
      const at::Tensor y = gathered_product(x, weight, bias, select(neurons, indices));
      ASSERT_EQ(y.scalar_type(), at::kFloat);
      const at::Tensor w = weight.to(at::kDouble), xs = x.to(at::kDouble);
      for (std::size_t i = 0; i < indices.size(); ++i) {
        double sum = bias[indices[i]].item<double>();
        for (std::int64_t c = 0; c < width; ++c) {
          sum +=
              w.const_data_ptr<double>()[indices[i] * width + c] * xs.const_data_ptr<double>()[c];
        }
        EXPECT_NEAR(y.const_data_ptr<float>()[i], sum, 3e-6 * (10 + std::abs(sum)))
            << width << " " << indices[i];
      }
    }
  }
}

TEST_P(GatheredTypes, SumOfRowsEqualsTheNaiveLoop) {
  for (const std::int64_t width : {1, 5, 31, 64, 1500}) {
    for (const std::int64_t step : {1, 9, 37, 200}) {
      const std::int64_t neurons = 150;
      const at::Tensor weight = at::randn({neurons, width}).to(GetParam());
      const at::Tensor coefficients = at::randn({neurons});
      const auto indices = every(neurons, step);
      at::Tensor y = at::randn({width});
      std::vector<double> expected(static_cast<std::size_t>(width));
      const at::Tensor w = weight.to(at::kDouble);
      for (std::int64_t c = 0; c < width; ++c) {
        double& sum = expected[static_cast<std::size_t>(c)] = y.const_data_ptr<float>()[c];
        for (std::size_t i = 0; i < indices.size(); ++i) {
          sum += static_cast<double>(coefficients.const_data_ptr<float>()[i]) *
                 w.const_data_ptr<double>()[indices[i] * width + c];
        }
      }
      gathered_accumulate(coefficients, weight, select(neurons, indices), y);
      for (std::int64_t c = 0; c < width; ++c) {
        EXPECT_NEAR(y.const_data_ptr<float>()[c], expected[static_cast<std::size_t>(c)], 4e-5);
      }
    }
  }
}

TEST_P(GatheredTypes, NothingChosenChangesNothing) {
  const at::Tensor weight = at::randn({20, 8}).to(GetParam());
  at::Tensor y = at::randn({8});
  const at::Tensor before = y.clone();
  gathered_accumulate(at::randn({20}), weight, select(20, {}), y);
  EXPECT_TRUE(y.equal(before));
  EXPECT_EQ(gathered_product(at::randn({8}).to(GetParam()), weight, {}, select(20, {})).size(0),
            20);
}

TEST_P(GatheredTypes, TakesRowsOfALargerMatrix) {
  const at::Tensor whole = at::randn({40, 96}).to(GetParam());
  const at::Tensor view = whole.narrow(1, 8, 64);
  const Selection selection = select(40, {1, 17, 39});
  const at::Tensor x = at::randn({64}).to(GetParam());
  const at::Tensor plain = gathered_product(x, view.contiguous(), {}, selection);
  EXPECT_TRUE(
      gathered_product(x, view, {}, selection).narrow(0, 0, 3).equal(plain.narrow(0, 0, 3)));
}

TEST_P(GatheredTypes, SameBitsForAnyNumberOfThreads) {
  const at::Tensor weight = at::randn({3000, 1537}).to(GetParam());
  const at::Tensor x = at::randn({1537}).to(GetParam()), coefficients = at::randn({3000});
  const Selection selection = select(3000, every(3000, 2));
  const auto both = [&](int threads) {
    at::set_num_threads(threads);
    at::Tensor y = at::zeros({1537});
    gathered_accumulate(coefficients, weight, selection, y);
    return std::pair(y, gathered_product(x, weight, {}, selection).narrow(0, 0, 1500));
  };
  const int before = at::get_num_threads();
  const auto one = both(1), two = both(2);
  at::set_num_threads(before);
  EXPECT_TRUE(one.first.equal(two.first));
  EXPECT_TRUE(one.second.equal(two.second));
}

INSTANTIATE_TEST_SUITE_P(Types, GatheredTypes, ::testing::Values(at::kFloat, at::kBFloat16));

TEST_F(Gathered, RefusesWhatDoesNotFit) {
  const at::Tensor weight = at::randn({4, 6});
  at::Tensor y = at::zeros({6}), narrow = at::zeros({5});
  const Selection one = select(4, {2});
  EXPECT_THROW((void)gathered_product(at::randn({5}), weight, {}, one), std::logic_error);
  EXPECT_THROW((void)gathered_product(at::randn({6}), weight, {}, select(5, {2})),
               std::logic_error);
  EXPECT_THROW((void)gathered_product(at::randn({6}), weight, at::randn({5}), one),
               std::logic_error);
  EXPECT_THROW((void)gathered_product(at::randn({6}), weight.to(at::kBFloat16), {}, one),
               std::logic_error);
  EXPECT_THROW(gathered_accumulate(at::randn({4}), weight, one, narrow), std::logic_error);
  EXPECT_THROW(gathered_accumulate(at::randn({3}), weight, one, y), std::logic_error);
  EXPECT_THROW(gathered_accumulate(at::randn({4}), weight.t(), one, y), std::logic_error);
  EXPECT_THROW((void)select_outside(at::randn({4}), at::randn({4}), at::randn({3})),
               std::logic_error);
}

}  // namespace
}  // namespace assay
