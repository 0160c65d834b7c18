// Identities of the fold in f64, on values computed without it.
#include "methods/tardis/fold.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linalg_lstsq.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "methods/tardis/block_fixture.h"

namespace assay {
namespace {

at::Tensor folded_output(const Folded& folded, const at::Tensor& x) {
  return at::mm(x, folded.weight.t()).add(folded.bias);
}

at::Tensor pre_activations(const PlainFfn& ffn, const at::Tensor& x) {
  return at::mm(x, ffn.up.t()).add(ffn.up_bias);
}

double relative(const at::Tensor& value, const at::Tensor& truth) {
  return value.sub(truth).norm().item<double>() / truth.norm().item<double>();
}

struct Random {
  PlainFfn ffn = random_ffn(24, 96, ActivationKind::kGelu, at::kDouble, 1);
  at::Tensor slope = normal_tensor({96}, 0.5, 7), intercept = normal_tensor({96}, 0.5, 8);
  at::Tensor x = normal_tensor({50, 24}, 1, 9);
  at::Tensor z = pre_activations(ffn, x);
  at::Tensor line = z.mul(slope).add(intercept);
  at::Tensor dense = at::mm(at::gelu(z), ffn.down).add(ffn.down_bias);
};

TEST(Fold, EqualsTheLinesBehindTheFirstMatrix) {
  const Random r;
  const at::Tensor truth = at::mm(r.line, r.ffn.down).add(r.ffn.down_bias);
  EXPECT_LT(relative(folded_output(fold(r.ffn, r.slope, r.intercept), r.x), truth), 1e-12);
}

TEST(Fold, InFp32StaysWithin1e4) {
  const Random r;
  const Folded folded = fold(r.ffn, r.slope, r.intercept);
  const Folded narrow{folded.weight.to(at::kFloat), folded.bias.to(at::kFloat)};
  const at::Tensor truth = at::mm(r.line, r.ffn.down).add(r.ffn.down_bias);
  EXPECT_LT(relative(folded_output(narrow, r.x.to(at::kFloat)).to(at::kDouble), truth), 1e-4);
}

TEST(Fold, WithAllNeuronsFixedIsTheDenseBlock) {
  const Random r;
  const at::Tensor y = folded_output(fold(r.ffn, r.slope, r.intercept), r.x)
                           .add(at::mm(at::gelu(r.z).sub(r.line), r.ffn.down));
  EXPECT_LT(relative(y, r.dense), 1e-12);
}

TEST(Fold, NoBiasesCountAsZeros) {
  Random r;
  const Folded with = fold(r.ffn, r.slope, r.intercept);
  r.ffn.up_bias.zero_();
  r.ffn.down_bias.zero_();
  const Folded zeros = fold(r.ffn, r.slope, r.intercept);
  const PlainFfn bare{r.ffn.activation, r.ffn.up, {}, r.ffn.down, {}};
  const Folded none = fold(bare, r.slope, r.intercept);
  EXPECT_TRUE(none.bias.allclose(zeros.bias));
  EXPECT_TRUE(none.weight.equal(with.weight));
}

/// Both are affine in x, and least squares is the best such map.
TEST(Fold, IsNoBetterThanTheLeastSquaresMapOfTheBlock) {
  const Random r;
  const at::Tensor x = normal_tensor({600, 24}, 1, 10), z = pre_activations(r.ffn, x);
  const at::Tensor y = at::mm(at::gelu(z), r.ffn.down).add(r.ffn.down_bias);
  const at::Tensor with_one = at::cat({x, at::ones({600, 1}, at::kDouble)}, 1);
  const at::Tensor map = std::get<0>(at::linalg_lstsq(with_one, y));
  const double least = at::mm(with_one, map).sub(y).square().sum().item<double>();
  const at::Tensor mean = z.mean(0), s = at::gelu(z);
  const at::Tensor slope =
      z.sub(mean).mul(s).sum(0).div(z.sub(mean).square().sum(0));  // each neuron's full-range line
  const Folded lines = fold(r.ffn, slope, s.mean(0).sub(slope.mul(mean)));
  const double folded = folded_output(lines, x).sub(y).square().sum().item<double>();
  EXPECT_LE(least, folded * (1 + 1e-9));
  EXPECT_GT(folded, 0);
}

/// Fixing the neurons farthest from their line first.
TEST(Fold, MeanErrorFallsWithEveryFixedShare) {
  const Random r;
  const at::Tensor base = folded_output(fold(r.ffn, r.slope, r.intercept), r.x);
  const at::Tensor residual = at::gelu(r.z).sub(r.line);
  double before = std::numeric_limits<double>::infinity();
  for (const std::int64_t fixed : {0, 24, 48, 72, 96}) {
    at::Tensor mask = at::zeros_like(residual);
    if (fixed > 0) mask.scatter_(1, std::get<1>(residual.abs().topk(fixed, 1)), 1.0);
    const at::Tensor y = base.add(at::mm(residual.mul(mask), r.ffn.down));
    const double error = y.sub(r.dense).square().mean().item<double>();
    EXPECT_LT(error, before);
    before = error;
  }
  EXPECT_LT(before, 1e-24);
}

PlainFfn hand_made_relu(at::ScalarType dtype) {
  const at::Tensor down = at::tensor({1.0, 2.0, 3.0, 4.0}, dtype).view({2, 2});
  return {ActivationKind::kRelu, at::eye(2, dtype), at::zeros({2}, dtype), down,
          at::zeros({2}, dtype)};
}

TEST(Fold, OfTheHandMadeReluNetworkIsExact) {
  const Folded folded = fold(hand_made_relu(at::kDouble), at::tensor({1.0, 0.0}, at::kDouble),
                             at::zeros({2}, at::kDouble));
  EXPECT_TRUE(folded.weight.t().equal(at::tensor({1.0, 2.0, 0.0, 0.0}, at::kDouble).view({2, 2})));
  EXPECT_TRUE(folded.bias.equal(at::zeros({2}, at::kDouble)));
}

struct Golden {
  std::pair<float, float> x, y;
  float fixed;
};

TEST(TardisBlock, RunsTheHandMadeReluNetworkExactly) {
  const float inf = std::numeric_limits<float>::infinity();
  const NeuronWindows windows{at::tensor({0.F, -inf}), at::tensor({inf, 0.F}),
                              at::tensor({1.F, 0.F}), at::tensor({0.F, 0.F})};
  const TardisFfn block = oracle_block(hand_made_relu(at::kFloat), windows);
  const StepContext step;
  for (const Golden& golden :
       {Golden{{2, -1}, {2, 4}, 0}, Golden{{2, 3}, {11, 16}, 1}, Golden{{-1, 3}, {9, 12}, 2}}) {
    const at::Tensor x = at::tensor({golden.x.first, golden.x.second}).view({1, 2});
    const at::Tensor y = at::tensor({golden.y.first, golden.y.second}).view({1, 2});
    EXPECT_TRUE(block.masked(x, step).equal(y));
    EXPECT_TRUE(block.gathered(x, step).equal(y));
  }
}

}  // namespace
}  // namespace assay
