#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/model/kernels/few_rows_torch.h"

namespace assay {
namespace {

/// One sum after the other, in double.
at::Tensor naive(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  at::Tensor out = at::empty({rows.size(0), weight.size(0)}, at::kDouble);
  const auto* x = rows.const_data_ptr<float>();
  const auto* w = weight.const_data_ptr<float>();
  for (std::int64_t r = 0; r < rows.size(0); ++r) {
    for (std::int64_t o = 0; o < weight.size(0); ++o) {
      double sum = bias.defined() ? bias.const_data_ptr<float>()[o] : 0.0;
      for (std::int64_t k = 0; k < rows.size(1); ++k) {
        sum += double{x[r * rows.size(1) + k]} * double{w[o * rows.size(1) + k]};
      }
      out.data_ptr<double>()[r * weight.size(0) + o] = sum;
    }
  }
  return out;
}

TEST(FewRows, AgreesWithPlainLoopsForEveryRemainder) {
  const c10::InferenceMode inference;
  at::manual_seed(3);
  for (const std::int64_t count : {1, 3, 9, 16, 17, 31, 32, 33, 50, 64}) {
    for (const std::int64_t cols : {1, 6, 33, 96}) {
      for (const std::int64_t width : {1, 7, 8, 16, 41, 75}) {
        const at::Tensor rows = at::randn({count, cols}), weight = at::randn({width, cols});
        for (const at::Tensor& bias : {at::Tensor(), at::randn({width})}) {
          ASSERT_TRUE(few_rows_apply(rows, weight));
          const at::Tensor apart =
              few_rows_linear(rows, weight, bias).to(at::kDouble) - naive(rows, weight, bias);
          EXPECT_LE(apart.abs().max().item<double>(), 2e-5)
              << count << " rows, " << cols << " columns, " << width << " outputs";
        }
      }
    }
  }
}

TEST(FewRows, ARowHasTheSameBitsInAnyCompanyAndForAnyNumberOfThreads) {
  const c10::InferenceMode inference;
  const at::Tensor rows = at::randn({64, 200}), weight = at::randn({301, 200});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor all = few_rows_linear(rows, weight, {});
  at::set_num_threads(2);
  for (const std::int64_t count : {64, 40, 20, 9}) {
    EXPECT_TRUE(
        few_rows_linear(rows.narrow(0, 0, count), weight, {}).equal(all.narrow(0, 0, count)))
        << count;
  }
  at::set_num_threads(before);
}

TEST(FewRows, WhatIsNotANumberStaysInItsRowAndItsOutput) {
  const c10::InferenceMode inference;
  at::Tensor rows = at::full({20, 24}, 1.0F), weight = at::full({19, 24}, 1.0F);
  rows[7][3] = std::numeric_limits<float>::quiet_NaN();
  weight[11][23] = std::numeric_limits<float>::infinity();
  const at::Tensor out = few_rows_linear(rows, weight, {});
  for (std::int64_t r = 0; r < 20; ++r) {
    for (std::int64_t o = 0; o < 19; ++o) {
      const float value = out[r][o].item<float>();
      EXPECT_EQ(std::isnan(value), r == 7);
      EXPECT_EQ(std::isinf(value), r != 7 && o == 11);
    }
  }
}

TEST(FewRows, RefusesWhatItWasNotMadeFor) {
  const at::Tensor weight = at::randn({8, 12});
  EXPECT_FALSE(few_rows_apply(at::randn({65, 12}), weight));
  EXPECT_FALSE(few_rows_apply(at::randn({0, 12}), weight));
  EXPECT_FALSE(few_rows_apply(at::randn({9, 12}).to(at::kBFloat16), weight));
  EXPECT_FALSE(few_rows_apply(at::randn({9, 24}).narrow(1, 0, 12), weight));
  EXPECT_FALSE(few_rows_apply(at::randn({9, 12}).set_requires_grad(true), weight));
  EXPECT_THROW((void)few_rows_linear(at::randn({9, 11}), weight, {}), std::logic_error);
  EXPECT_THROW((void)few_rows_linear(at::randn({9, 12}), weight, at::randn({9})), std::logic_error);
}

}  // namespace
}  // namespace assay
