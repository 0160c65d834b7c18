// The executed block against the sum over neurons as it is written down, in every combination of
// matrices.
#include "methods/ffsplit/split_ffn.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "harness/compress/quantize.h"
#include "harness/model/standard_ffn.h"
#include "methods/ffsplit/scores.h"

namespace assay::ffsplit {
namespace {

constexpr std::int64_t kWidth = 24, kNeurons = 80, kHeavy = 30, kRank = 7, kRows = 11;

at::Tensor activated(const at::Tensor& z, ActivationKind kind) {
  return kind == ActivationKind::kRelu   ? at::relu(z)
         : kind == ActivationKind::kSilu ? at::silu(z)
                                         : at::gelu(z);
}

/// The dense block: weights [out, in], as Linear has them.
struct Dense {
  at::Tensor gate, up, down, gate_bias, up_bias, down_bias;
  ActivationKind activation = ActivationKind::kGelu;

  Dense(bool gated, at::ScalarType dtype) {
    const auto options = at::TensorOptions().dtype(dtype);
    up = at::randn({kNeurons, kWidth}, options);
    down = at::randn({kWidth, kNeurons}, options);
    up_bias = at::randn({kNeurons}, options);
    down_bias = at::randn({kWidth}, options);
    if (!gated) return;
    activation = ActivationKind::kSilu;
    gate = at::randn({kNeurons, kWidth}, options);
    gate_bias = at::randn({kNeurons}, options);
  }
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const {
    at::Tensor z = x.matmul(up.t()) + up_bias;
    z = gate.defined() ? activated(x.matmul(gate.t()) + gate_bias, activation) * z
                       : activated(z, activation);
    return z.matmul(down.t()) + down_bias;
  }
  [[nodiscard]] Dense only(const at::Tensor& neurons) const {
    Dense part = *this;
    part.up = up.index_select(0, neurons);
    part.up_bias = up_bias.index_select(0, neurons);
    part.down = down.index_select(1, neurons);
    if (!gate.defined()) return part;
    part.gate = gate.index_select(0, neurons);
    part.gate_bias = gate_bias.index_select(0, neurons);
    return part;
  }
};

/// What a matrix is turned into, and the matrix that this stands for.
enum class Kind { kKeep, kFactors, kPacked };

Matrix turned(at::Tensor& weight, Kind kind) {
  if (kind == Kind::kFactors) {
    const LowRank factors = svd_plain(weight, kRank);
    const auto dtype = weight.scalar_type();
    LowRank held{factors.left.to(dtype), factors.right.to(dtype)};
    weight = held.left.matmul(held.right);
    return held;
  }
  if (kind == Kind::kPacked) {
    const Quantized quantized = quantize_rtn(weight, {4, 32});
    weight = dequantise(quantized);
    return pack(quantized);
  }
  return weight;
}

/// Changes `dense` to the weights that the part really has.
Part part_of(Dense& dense, Kind kind) {
  Part part;
  if (dense.gate.defined()) part.gate = turned(dense.gate, kind);
  part.up = turned(dense.up, kind);
  part.down = turned(dense.down, kind);
  part.gate_bias = dense.gate_bias;
  part.up_bias = dense.up_bias;
  return part;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

at::Tensor run(const Ffn& block, const at::Tensor& x) {
  StepContext step;
  return block.forward(x, step);
}

class Split : public ::testing::TestWithParam<std::tuple<bool, Kind, Kind>> {
 protected:
  Split() { at::set_num_threads(1); }  // more would wait for each other longer than they work
  const at::Tensor heavy_ = std::get<0>(at::randperm(kNeurons).narrow(0, 0, kHeavy).sort());
  const at::Tensor rest_ = all_but(heavy_, kNeurons);
  c10::InferenceMode inference_;
};

TEST_P(Split, IsTheSumOfItsPartsWithBiasesOnce) {
  const auto [gated, first, second] = GetParam();
  const bool packed = first == Kind::kPacked || second == Kind::kPacked;
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    if (packed && dtype == at::kDouble) continue;
    const Dense dense(gated, dtype);
    Dense one = dense.only(heavy_), two = dense.only(rest_);
    std::vector<Part> parts;
    parts.push_back(part_of(one, first));
    parts.push_back(part_of(two, second));
    const SplitFfn block(dense.activation, std::move(parts), dense.down_bias);
    const bool exact = first == Kind::kKeep && second == Kind::kKeep && dtype == at::kDouble;
    const double tolerance = packed ? 1e-3 : exact ? 1e-12 : 1e-5;  // packed: 16-bit fixed point
    for (const std::int64_t rows : {std::int64_t{1}, kRows}) {
      const at::Tensor x = at::randn({rows, kWidth}, at::TensorOptions().dtype(dtype));
      const at::Tensor expected = one.forward(x) + two.forward(x) - dense.down_bias;
      EXPECT_LT(distance(run(block, x), expected), tolerance);
      if (first == Kind::kKeep && second == Kind::kKeep) {
        EXPECT_LT(distance(run(block, x), dense.forward(x)), tolerance);
      }
    }
  }
}

TEST_P(Split, HasADenseFormThatComputesTheSame) {
  const auto [gated, first, second] = GetParam();
  const Dense dense(gated, at::kFloat);
  Dense one = dense.only(heavy_), two = dense.only(rest_);
  std::vector<Part> parts;
  parts.push_back(part_of(one, first));
  parts.push_back(part_of(two, second));
  const DenseForm form = SplitFfn(dense.activation, std::move(parts), dense.down_bias).dense_form();
  const auto linear = [&](const std::string& name) {
    return DenseLinear(form.tensors.at(name + ".weight"), form.tensors.at(name + ".bias"));
  };
  const std::optional<DenseLinear> gate = gated ? std::optional(linear("gate")) : std::nullopt;
  const StandardFfn plain(*form.activation, gate, linear("up"), linear("down"));
  EXPECT_EQ(form.tensors.at("up.weight").sizes(), dense.up.sizes());
  const at::Tensor x = at::randn({kRows, kWidth});
  const at::Tensor expected = one.forward(x) + two.forward(x) - dense.down_bias;
  EXPECT_LT(distance(run(plain, x), expected), 1e-5);
}

TEST_P(Split, CopiesAreDeepAndCostTheSame) {
  const auto [gated, first, second] = GetParam();
  const Dense dense(gated, at::kFloat);
  Dense one = dense.only(heavy_), two = dense.only(rest_);
  std::vector<Part> parts;
  parts.push_back(part_of(one, first));
  parts.push_back(part_of(two, second));
  const SplitFfn block(dense.activation, std::move(parts), dense.down_bias);
  const std::unique_ptr<Ffn> copy = clone_block<Ffn>(block);
  const at::Tensor x = at::randn({kRows, kWidth});
  EXPECT_TRUE(at::equal(run(*copy, x), run(block, x)));
  EXPECT_EQ(copy->cost().params, block.cost().params);
  EXPECT_EQ(copy->cost().resident_bytes, block.cost().resident_bytes);
  EXPECT_EQ(block.linear(Slot::kUp), nullptr);
  EXPECT_THROW(copy->replace_linear(Slot::kUp, nullptr), std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Split,
    ::testing::Combine(::testing::Bool(),
                       ::testing::Values(Kind::kKeep, Kind::kFactors, Kind::kPacked),
                       ::testing::Values(Kind::kKeep, Kind::kFactors, Kind::kPacked)));

TEST(SplitFfn, PermutedDenseBlockEqualsTheOriginal) {
  const c10::InferenceMode inference;
  const Dense dense(false, at::kDouble);
  Dense permuted = dense.only(at::randperm(kNeurons));
  std::vector<Part> parts;
  parts.push_back(part_of(permuted, Kind::kKeep));
  const SplitFfn block(dense.activation, std::move(parts), dense.down_bias);
  const at::Tensor x = at::randn({kRows, kWidth}, at::TensorOptions().dtype(at::kDouble));
  EXPECT_LT(distance(run(block, x), dense.forward(x)), 1e-12);
}

TEST(SplitFfn, CountsTheTensorsOfTheFusedLayout) {
  const c10::InferenceMode inference;
  const Dense dense(false, at::kFloat);
  Dense one = dense.only(at::arange(kHeavy)), two = dense.only(at::arange(kHeavy, kNeurons));
  std::vector<Part> parts;
  parts.push_back(part_of(one, Kind::kKeep));
  parts.push_back(part_of(two, Kind::kFactors));
  const SplitFfn block(dense.activation, std::move(parts), dense.down_bias);
  const std::int64_t weights = 2 * kWidth * kHeavy + 2 * kRank * (kWidth + kNeurons - kHeavy);
  const std::int64_t biases = kNeurons + kWidth;
  const Cost cost = block.cost();
  EXPECT_EQ(cost.params, weights + biases);
  EXPECT_EQ(cost.resident_bytes, 4 * (weights + biases));
  EXPECT_EQ(cost.touched_bytes, 4 * (weights + biases));
  EXPECT_EQ(cost.flops_per_token, 2 * weights + biases);
}

TEST(SplitFfn, GoldenVector) {
  const c10::InferenceMode inference;
  const at::Tensor x = at::tensor({1.F, 2.F, -1.F, 1.F}).view({2, 2});
  const at::Tensor up =
      at::tensor({1.F, 0.F, -1.F, 2.F, 0.F, 1.F, 1.F, -1.F}).view({2, 4}).t().contiguous();
  const at::Tensor down =
      at::tensor({1.F, 0.F, 0.F, 1.F, 1.F, 1.F, 2.F, 0.F}).view({4, 2}).t().contiguous();
  const auto block_of = [&](std::vector<std::int64_t> neurons) {
    const at::Tensor chosen = at::tensor(neurons, at::kLong);
    std::vector<Part> parts(1);
    parts[0].up = up.index_select(0, chosen);
    parts[0].down = down.index_select(1, chosen);
    return SplitFfn(ActivationKind::kRelu, std::move(parts), {});
  };
  const auto values = [](std::vector<float> four) { return at::tensor(four).view({2, 2}); };
  EXPECT_TRUE(at::equal(run(block_of({2}), x), values({1, 1, 2, 2})));
  EXPECT_TRUE(at::equal(run(block_of({0, 1, 3}), x), values({1, 2, 0, 1})));
  EXPECT_TRUE(at::equal(run(block_of({0, 1, 2, 3}), x), values({2, 3, 2, 3})));
}

}  // namespace
}  // namespace assay::ffsplit
