// Against loops in double precision, at sizes that exercise every tail.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/model/kernels/bf16.h"
#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/gemv_torch.h"

namespace assay {
namespace {

at::Tensor naive(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor x = rows.to(at::kDouble).contiguous();
  const at::Tensor w = weight.to(at::kDouble).contiguous();
  at::Tensor y = at::empty({x.size(0), w.size(0)}, at::kDouble);
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    for (std::int64_t r = 0; r < w.size(0); ++r) {
      double sum = bias.defined() ? bias[r].item<double>() : 0.0;
      const double* xs = x.const_data_ptr<double>() + b * x.size(1);
      const double* ws = w.const_data_ptr<double>() + r * w.size(1);
      for (std::int64_t c = 0; c < x.size(1); ++c) sum += xs[c] * ws[c];
      y.mutable_data_ptr<double>()[b * w.size(0) + r] = sum;
    }
  }
  return y;
}

class Gemv
    : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t, at::ScalarType>> {
 protected:
  c10::InferenceMode inference_;
};

TEST_P(Gemv, EqualsTheNaiveLoop) {
  const auto [batch, in, dtype] = GetParam();
  at::manual_seed(7);
  const double tolerance = dtype == at::kFloat ? 2e-6 : 4.5e-3;
  for (const std::int64_t out : {1, 2, 3, 17, 130}) {
    for (const bool with_bias : {false, true}) {
      const at::Tensor rows = at::randn({batch, in}).to(dtype);
      const at::Tensor weight = at::randn({out, in}).to(dtype);
      const at::Tensor bias = with_bias ? at::randn({out}).to(dtype) : at::Tensor();
      ASSERT_TRUE(gemv_applies(rows, weight));
      const at::Tensor y = gemv_linear(rows, weight, bias);
      EXPECT_EQ(y.scalar_type(), dtype);
      const at::Tensor expected = naive(rows, weight, bias);
      const double scale = expected.abs().max().item<double>() + std::sqrt(double(in));
      EXPECT_LE((y.to(at::kDouble) - expected).abs().max().item<double>(), tolerance * scale)
          << "batch " << batch << " in " << in << " out " << out << " bias " << with_bias;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Gemv,
                         ::testing::Combine(::testing::Values<std::int64_t>(1, 2, 3, 4, 5, 6, 7, 8),
                                            ::testing::Values<std::int64_t>(1, 5, 15, 16, 17, 31,
                                                                            32, 63, 64, 65, 100,
                                                                            576),
                                            ::testing::Values(at::kFloat, at::kBFloat16)));

TEST(GemvTest, TakesRowsOfALargerMatrix) {
  const c10::InferenceMode inference;
  const at::Tensor whole = at::randn({40, 64});
  const at::Tensor view = whole.slice(0, 7, 29).slice(1, 8, 56);
  const at::Tensor rows = at::randn({2, 48});
  ASSERT_TRUE(gemv_applies(rows, view));
  const at::Tensor expected = naive(rows, view, {});
  EXPECT_LE((gemv_linear(rows, view, {}).to(at::kDouble) - expected).abs().max().item<double>(),
            1e-4);
}

TEST(GemvTest, SameBitsForAnyNumberOfThreads) {
  const c10::InferenceMode inference;
  const at::Tensor weight = at::randn({1537, 576}).to(at::kBFloat16);
  const at::Tensor rows = at::randn({3, 576}).to(at::kBFloat16);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = gemv_linear(rows, weight, {});
  at::set_num_threads(2);
  const at::Tensor two = gemv_linear(rows, weight, {});
  at::set_num_threads(before);
  EXPECT_TRUE(one.equal(two));
}

TEST(GemvTest, RowOfABatchEqualsTheRowAlone) {
  // Batch 1 and batch N take different code; fp32 sums differ in order only.
  const c10::InferenceMode inference;
  const at::Tensor weight = at::randn({64, 576});
  const at::Tensor rows = at::randn({8, 576});
  const at::Tensor batch = gemv_linear(rows, weight, {});
  for (std::int64_t b = 0; b < 8; ++b) {
    const at::Tensor alone = gemv_linear(rows.slice(0, b, b + 1), weight, {});
    EXPECT_LE((alone - batch.slice(0, b, b + 1)).abs().max().item<float>(), 2e-4F);
  }
}

TEST(GemvTest, RoundsTheResultOnceToNearestEven) {
  // 1 + 2^-8 lies halfway between two bfloat16 values: ties go to the even one; the sum that passes
  // through it must not be rounded on the way (1 + 2^-8 + 2^-8 = 1 + 2^-7 exactly).
  const c10::InferenceMode inference;
  const float tiny = 0x1p-8F;
  const auto product = [](std::initializer_list<float> values) {
    const at::Tensor weight = at::empty({1, static_cast<std::int64_t>(values.size())}, at::kFloat);
    std::copy(values.begin(), values.end(), weight.mutable_data_ptr<float>());
    const at::Tensor ones = at::ones_like(weight).to(at::kBFloat16);
    return gemv_linear(ones, weight.to(at::kBFloat16), {}).item<float>();
  };
  EXPECT_EQ(product({1.0F, tiny}), 1.0F);
  EXPECT_EQ(product({1.0F, tiny, tiny}), 1.0F + 0x1p-7F);
  EXPECT_EQ(product({1.0F + 0x1p-7F, tiny}), 1.0F + 0x1p-6F);
}

TEST(GemvTest, RoundingAgreesWithATen) {
  at::manual_seed(3);
  const at::Tensor values = at::randn({4096}) * 1e3;
  const at::Tensor rounded = values.to(at::kBFloat16);
  const auto* bits = reinterpret_cast<const std::uint16_t*>(rounded.const_data_ptr<at::BFloat16>());
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    ASSERT_EQ(bf16_from_float(values.const_data_ptr<float>()[i]), bits[i]);
  }
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_float(bf16_from_float(infinity)), infinity);
  EXPECT_TRUE(std::isnan(to_float(bf16_from_float(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(GemvTest, LeavesToATenWhatItCannotDo) {
  const at::Tensor weight = at::randn({4, 6});
  const at::Tensor rows = at::randn({2, 6});
  EXPECT_TRUE(gemv_applies(rows, weight));
  EXPECT_FALSE(gemv_applies(at::randn({9, 6}), weight)) << "too many rows";
  EXPECT_FALSE(gemv_applies(rows.to(at::kBFloat16), weight)) << "two types";
  EXPECT_FALSE(gemv_applies(rows.to(at::kDouble), weight.to(at::kDouble)));
  EXPECT_FALSE(gemv_applies(rows, at::randn({6, 4}).t())) << "columns stored first";
  EXPECT_FALSE(gemv_applies(rows, at::randn({4, 6}).set_requires_grad(true)));
  EXPECT_THROW((void)gemv_linear(at::randn({9, 6}), weight, {}), std::logic_error);
  EXPECT_THROW((void)gemv_linear(rows, weight, at::randn({5})), std::logic_error);
}

TEST(GemvTest, PropagatesNotANumber) {
  const c10::InferenceMode inference;
  at::Tensor weight = at::randn({3, 32});
  weight[1][4] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor y = gemv_linear(at::randn({1, 32}), weight, {});
  EXPECT_FALSE(std::isnan(y[0][0].item<float>()));
  EXPECT_TRUE(std::isnan(y[0][1].item<float>()));
}

}  // namespace
}  // namespace assay
