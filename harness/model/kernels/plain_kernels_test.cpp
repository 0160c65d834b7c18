// The operations for devices without kernels of our own, run on the CPU against those kernels.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/model/kernels/device_kernels.h"

namespace assay {
namespace {

class PlainKernels : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(9); }
  c10::InferenceMode inference_;
};

TEST_F(PlainKernels, DequantiseTheSameWeights) {
  for (const std::int64_t bits : {2, 3, 4, 8}) {
    for (const std::int64_t cols : {1, 33, 160, 576}) {
      const std::int64_t levels = std::int64_t{1} << bits, groups = (cols + 63) / 64;
      const PackedMatrix matrix =
          pack_matrix(at::randint(levels, {11, cols}, at::kByte), at::rand({11, groups}),
                      at::randint(levels, {11, groups}, at::kByte), bits, 64);
      const at::Tensor part = plain_dequantise(matrix, at::kFloat, 2, 9);
      EXPECT_TRUE(part.equal(dequantise(matrix, at::kFloat).narrow(0, 2, 7)))
          << bits << " " << cols;
    }
  }
}

class PlainGathered : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { at::manual_seed(GetParam()); }
  c10::InferenceMode inference_;
};

/// About `percent` of the neurons are outside.
TEST_P(PlainGathered, EqualsTheKernels) {
  const std::int64_t neurons = 203, width = 50;
  at::Tensor z = at::rand({neurons});
  if (GetParam() > 0) z[5] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor low = at::full({neurons}, static_cast<double>(GetParam()) / 100);
  const at::Tensor high = at::full({neurons}, 2.0);
  const Selection ours = select_outside(z, low, high);
  const Selection plain = plain_select_outside(z, low, high);
  const auto count = ours.count.item<std::int32_t>();
  ASSERT_EQ(plain.count.item<std::int32_t>(), count);
  EXPECT_TRUE(plain.indices.narrow(0, 0, count).equal(ours.indices.narrow(0, 0, count)));

  const at::Tensor weight = at::randn({neurons, width}), x = at::randn({width});
  const at::Tensor bias = at::randn({neurons}), coefficients = at::randn({neurons});
  const at::Tensor difference =
      plain_gathered_product(x, weight, bias, ours) - gathered_product(x, weight, bias, ours);
  if (count > 0) {
    EXPECT_LE(difference.narrow(0, 0, count).abs().max().item<float>(), 1e-4F);
  }
  at::Tensor first = at::randn({width}), second = first.clone();
  gathered_accumulate(coefficients, weight, ours, first);
  plain_gathered_accumulate(coefficients, weight, ours, second);
  EXPECT_LE((first - second).abs().max().item<float>(), 1e-4F);
}

INSTANTIATE_TEST_SUITE_P(Percent, PlainGathered, ::testing::Values<std::int64_t>(0, 7, 100, 300));

}  // namespace
}  // namespace assay
