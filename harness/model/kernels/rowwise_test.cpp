// Against the sequences of ATen operations that the kernels replace, with sizes for every tail.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

class Rowwise : public ::testing::TestWithParam<std::tuple<std::int64_t, at::ScalarType>> {
 protected:
  Rowwise() { at::manual_seed(21); }
  [[nodiscard]] std::int64_t width() const { return std::get<0>(GetParam()); }
  [[nodiscard]] at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  /// For results of magnitude `scale`: two roundings of bfloat16, or fp32 noise.
  [[nodiscard]] double tolerance(double scale) const {
    return scale * (dtype() == at::kFloat ? 2e-6 : 0x1p-7);
  }
  [[nodiscard]] at::Tensor random(at::IntArrayRef shape) const {
    return at::randn(shape).to(dtype());
  }
  c10::InferenceMode inference_;
};

TEST_P(Rowwise, RmsNorm) {
  const at::Tensor rows = random({37, width()}), weight = random({width()});
  const at::Tensor wide = rows.to(at::kFloat);
  const at::Tensor factor = at::rsqrt((wide * wide).mean(-1, true) + 1e-5);
  const at::Tensor expected = (wide * factor).to(dtype()) * weight;
  EXPECT_LE(largest_difference(rms_norm_cpu(rows, weight, {.eps = 1e-5}), expected), tolerance(8));
}

TEST_P(Rowwise, RmsNormThatRoundsLast) {
  const at::Tensor rows = random({11, width()}), weight = random({width()});
  const at::Tensor wide = rows.to(at::kFloat), factor = weight.to(at::kFloat) + 1.0;
  const at::Tensor normed = wide * at::rsqrt((wide * wide).mean(-1, true) + 1e-5);
  const at::Tensor found =
      rms_norm_cpu(rows, weight, {.eps = 1e-5, .offset = 1, .rounds_last = true});
  // One rounding, of eight significant bits: half of the last place is up to 2^-8 of the value.
  const at::Tensor allowed = (normed * factor).abs() * (dtype() == at::kFloat ? 2e-6 : 0x1.01p-8);
  EXPECT_TRUE((found.to(at::kFloat) - normed * factor).abs().le(allowed + 1e-6).all().item<bool>());
}

TEST_P(Rowwise, SiluGate) {
  const at::Tensor both = random({19, 2 * width()}) * 4;
  const at::Tensor expected =
      at::silu(both.narrow(1, 0, width())) * both.narrow(1, width(), width());
  EXPECT_LE(largest_difference(silu_gate_cpu(both), expected), tolerance(120));
}

TEST_P(Rowwise, RotateLeavesTheOtherColumnsAlone) {
  const std::int64_t heads = 3, head_dim = 2 * width() + 3, n = 11;
  at::Tensor rows = random({n, heads * head_dim + 5});
  const at::Tensor before = rows.clone();
  const at::Tensor angles = at::randn({n, width()});
  rotate_heads_cpu(rows, heads, head_dim, angles.cos(), angles.sin());
  const at::Tensor old = before.to(at::kFloat).narrow(1, 0, heads * head_dim).view({n, heads, -1});
  const at::Tensor a = old.narrow(2, 0, width()), b = old.narrow(2, width(), width());
  const at::Tensor c = angles.cos().unsqueeze(1), s = angles.sin().unsqueeze(1);
  const at::Tensor expected =
      at::cat({a * c - b * s, b * c + a * s, old.narrow(2, 2 * width(), 3)}, 2)
          .view({n, heads * head_dim});
  EXPECT_LE(largest_difference(rows.narrow(1, 0, heads * head_dim), expected), tolerance(8));
  EXPECT_TRUE(rows.narrow(1, heads * head_dim, 5).equal(before.narrow(1, heads * head_dim, 5)));
}

TEST_P(Rowwise, RotateTurnsNeighboursWhereTheyArePairs) {
  const std::int64_t heads = 3, head_dim = 2 * width() + 3, n = 11;
  at::Tensor rows = random({n, heads * head_dim + 5});
  const at::Tensor before = rows.clone();
  const at::Tensor angles = at::randn({n, width()});
  rotate_heads_cpu(rows, heads, head_dim, angles.cos(), angles.sin(), true);
  at::Tensor expected = before.to(at::kDouble);
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < width(); ++i) {
      const std::int64_t column = h * head_dim + 2 * i;
      const at::Tensor a = before.select(1, column).to(at::kDouble);
      const at::Tensor b = before.select(1, column + 1).to(at::kDouble);
      const at::Tensor c = angles.select(1, i).cos(), s = angles.select(1, i).sin();
      expected.select(1, column).copy_(a * c - b * s);
      expected.select(1, column + 1).copy_(b * c + a * s);
    }
  }
  EXPECT_LE(largest_difference(rows, expected), tolerance(8));
}

TEST_P(Rowwise, AppendOne) {
  const std::int64_t batch = 3, heads = 4, kv_heads = 2, capacity = 5, position = 3;
  const at::Tensor qkv = random({batch, (heads + 2 * kv_heads) * width()});
  at::Tensor keys = at::zeros({batch, kv_heads, capacity, width()}, dtype());
  at::Tensor values = keys.clone();
  append_one_cpu(qkv, heads, position, keys, values);
  const at::Tensor parts = qkv.view({batch, heads + 2 * kv_heads, width()});
  at::Tensor expected = at::zeros_like(keys);
  expected.select(2, position).copy_(parts.narrow(1, heads, kv_heads));
  EXPECT_TRUE(keys.equal(expected));
  expected.select(2, position).copy_(parts.narrow(1, heads + kv_heads, kv_heads));
  EXPECT_TRUE(values.equal(expected));
  EXPECT_THROW(append_one_cpu(qkv, heads, capacity, keys, values), std::logic_error);
}

TEST_P(Rowwise, AttendOne) {
  const std::int64_t batch = 2, kv_heads = 2, heads = 6, capacity = 13, first = 2, end = 11;
  const at::Tensor wide = random({batch, heads * width() + 4});
  const at::Tensor query = wide.narrow(1, 0, heads * width());
  const at::Tensor keys = random({batch, kv_heads, capacity, width()});
  const at::Tensor values = random({batch, kv_heads, capacity, width()});
  const auto expand = [&](const at::Tensor& cache) {
    return cache.to(at::kDouble).narrow(2, first, end - first).repeat_interleave(3, 1);
  };
  const at::Tensor q = query.to(at::kDouble).reshape({batch, heads, 1, width()});
  const at::Tensor products = at::matmul(q, expand(keys).transpose(2, 3));
  for (const double scale : {1 / std::sqrt(width()), 0.3}) {
    const at::Tensor expected =
        at::matmul(at::softmax(products * scale, 3), expand(values)).view({batch, heads * width()});
    const at::Tensor context =
        attend_one_cpu(query, keys, values, heads, first, end, static_cast<float>(scale));
    EXPECT_EQ(context.scalar_type(), dtype());
    EXPECT_LE(largest_difference(context, expected), tolerance(4));
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, Rowwise,
                         ::testing::Combine(::testing::Values<std::int64_t>(1, 3, 15, 16, 17, 31,
                                                                            32, 64, 72, 129, 576),
                                            ::testing::Values(at::kFloat, at::kBFloat16)));

TEST(RowwiseEdges, NotANumberIsNotLost) {
  const c10::InferenceMode inference;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t width : {7, 64}) {
    at::Tensor both = at::randn({1, 2 * width});
    both[0][2] = nan;
    EXPECT_TRUE(std::isnan(silu_gate_cpu(both)[0][2].item<float>()));
    at::Tensor rows = at::randn({1, width});
    rows[0][1] = nan;
    EXPECT_TRUE(std::isnan(rms_norm_cpu(rows, at::ones({width}), {})[0][0].item<float>()));
  }
}

TEST(RowwiseEdges, SiluOfLargeInputsDoesNotOverflow) {
  const c10::InferenceMode inference;
  EXPECT_LT(silu_gate_cpu(at::full({1, 64}, -200.0F)).abs().max().item<float>(), 1e-30F);
  EXPECT_EQ(silu_gate_cpu(at::full({1, 64}, 200.0F)).min().item<float>(), 4e4F);
}

TEST(RowwiseEdges, RefuseWhatDoesNotFit) {
  EXPECT_THROW((void)silu_gate_cpu(at::randn({2, 5})), std::logic_error);
  EXPECT_THROW((void)rms_norm_cpu(at::randn({2, 5}), at::ones({4}), {}), std::logic_error);
  EXPECT_FALSE(cpu_kernels_apply(at::randn({4, 4}).t()));
  EXPECT_FALSE(cpu_kernels_apply(at::randn({4, 4}).to(at::kDouble)));
}

}  // namespace
}  // namespace assay
