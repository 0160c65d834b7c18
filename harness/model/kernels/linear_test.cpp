#include "harness/model/kernels/linear.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "harness/model/kernels/large_pages.h"

namespace assay {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(DenseProduct, AgreesWithATenForEveryNumberOfRows) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kOut = 151;  // more and fewer than the rows, and no multiple of a tile
  at::manual_seed(11);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const double tolerance = dtype == at::kFloat ? 1e-4 : 0.26;  // bf16: 2^-8 of values up to ~60
    for (const std::int64_t n : {1, 8, 9, 31, 64, 200}) {
      for (const bool with_bias : {false, true}) {
        const at::Tensor rows = at::randn({n, 96}).to(dtype);
        const at::Tensor weight = at::randn({kOut, 96}).to(dtype);
        const at::Tensor bias = with_bias ? at::randn({kOut}).to(dtype) : at::Tensor();
        const at::Tensor exact = at::linear(rows.to(at::kDouble), weight.to(at::kDouble),
                                            with_bias ? bias.to(at::kDouble) : bias);
        const at::Tensor y = dense_product(rows, weight, bias);
        EXPECT_EQ(y.scalar_type(), dtype);
        EXPECT_LE(largest_difference(y, exact), tolerance) << n << " rows, bias " << with_bias;
      }
    }
  }
}

TEST(DenseProduct, SeesAWeightThatWasChangedInPlace) {
  // Nothing may be packed and kept: methods write into weights.
  const c10::InferenceMode inference;
  for (const std::int64_t n : {1, 32}) {
    at::Tensor weight = at::randn({16, 24});
    const at::Tensor rows = at::randn({n, 24});
    (void)dense_product(rows, weight, {});
    weight.zero_();
    EXPECT_EQ(dense_product(rows, weight, {}).abs().max().item<float>(), 0.0F);
  }
}

TEST(DenseProduct, CanBeDifferentiated) {
  at::Tensor weight = at::randn({16, 24}).set_requires_grad(true);
  for (const std::int64_t n : {2, 32}) {
    EXPECT_TRUE(dense_product(at::randn({n, 24}), weight, {}).requires_grad());
  }
}

TEST(DenseProduct, TakesColumnsOfALargerMatrix) {
  const c10::InferenceMode inference;
  const at::Tensor weight = at::randn({30, 64}).narrow(1, 8, 40);
  const at::Tensor rows = at::randn({20, 64}).narrow(1, 8, 40);
  EXPECT_LE(largest_difference(dense_product(rows, weight, {}), at::linear(rows, weight)), 1e-4);
}

TEST(LargePages, KeepValuesAndType) {
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor original = at::randn({700, 600}).to(dtype);
    const at::Tensor copy = copy_on_large_pages(original.t());
    EXPECT_TRUE(copy.is_contiguous());
    EXPECT_EQ(copy.scalar_type(), dtype);
    EXPECT_TRUE(copy.equal(original.t()));
    EXPECT_NE(copy.data_ptr(), original.data_ptr());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy.data_ptr()) % (2U << 20U), 0U);
  }
}

}  // namespace
}  // namespace assay
