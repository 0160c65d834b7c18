#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/model/kernels/head_torch.h"

namespace assay {
namespace {

/// From logits rounded to the type, as a model gives them.
at::Tensor expected(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                    const at::Tensor& targets) {
  const at::Tensor logits = at::linear(hidden.to(at::kDouble), weight.to(at::kDouble),
                                       bias.defined() ? bias.to(at::kDouble) : bias)
                                .to(hidden.scalar_type())
                                .to(at::kDouble);
  return at::log_softmax(logits, 1).gather(1, targets.unsqueeze(1)).squeeze(1);
}

TEST(HeadLogLikelihood, EqualsLogSoftmaxOfTheLogits) {
  const c10::InferenceMode inference;
  at::manual_seed(2);
  struct Size {
    std::int64_t rows, vocab;
  };
  // The last two meet the vocabulary in several parts, the very last with a remainder.
  for (const Size size : {Size{1, 5}, {3, 33}, {70, 1000}, {9000, 2048}, {8500, 2500}}) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor hidden = at::randn({size.rows, 24}).to(dtype);
      const at::Tensor weight = at::randn({size.vocab, 24}).to(dtype);
      const at::Tensor bias = size.rows % 2 == 1 ? at::randn({size.vocab}).to(dtype) : at::Tensor();
      const at::Tensor targets = at::randint(size.vocab, {size.rows}, at::kLong);
      const at::Tensor values = head_log_likelihood(hidden, weight, bias, targets);
      const double difference = (values.to(at::kDouble) - expected(hidden, weight, bias, targets))
                                    .abs()
                                    .max()
                                    .item<double>();
      // bf16: one logit may fall to the other side of a tie, 2^-8 of up to 32.
      EXPECT_LE(difference, dtype == at::kFloat ? 5e-5 : 0.13) << size.rows << " x " << size.vocab;
    }
  }
}

TEST(HeadLogLikelihood, ScalesAndCapsEveryPartOfTheVocabulary) {
  const c10::InferenceMode inference;
  at::manual_seed(3);
  const at::Tensor hidden = at::randn({9000, 24}), weight = at::randn({2500, 24});
  const at::Tensor targets = at::randint(2500, {9000}, at::kLong);
  const at::Tensor logits = hidden.matmul(weight.t()).to(at::kDouble) * 0.25;
  const at::Tensor expected =
      at::log_softmax((logits / 3.0).tanh() * 3.0, 1).gather(1, targets.unsqueeze(1)).squeeze(1);
  const at::Tensor found =
      head_log_likelihood(hidden, weight, {}, targets, {.scale = 0.25, .softcap = 3});
  EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(), 5e-5);
}

TEST(HeadLogLikelihood, NotANumberReachesItsRowOnly) {
  const c10::InferenceMode inference;
  at::Tensor hidden = at::randn({3, 8});
  hidden[1][2] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor values =
      head_log_likelihood(hidden, at::randn({50, 8}), {}, at::zeros({3}, at::kLong));
  EXPECT_FALSE(std::isnan(values[0].item<float>()));
  EXPECT_TRUE(std::isnan(values[1].item<float>()));
}

TEST(HeadLogLikelihood, LargeLogitsDoNotOverflow) {
  const c10::InferenceMode inference;
  const at::Tensor hidden = at::full({1, 1}, 1.0F);
  at::Tensor weight = at::zeros({3000, 1});
  weight[2500][0] = 3e4F;
  const auto value = [&](std::int64_t target) {
    return head_log_likelihood(hidden, weight, {}, at::full({1}, target, at::kLong)).item<float>();
  };
  EXPECT_NEAR(value(2500), 0.0F, 1e-6F);
  EXPECT_NEAR(value(0), -3e4F, 1.0F);
}

TEST(HeadLogLikelihood, RefusesTargetsOutsideTheVocabulary) {
  const at::Tensor hidden = at::randn({2, 4}), weight = at::randn({7, 4});
  EXPECT_THROW((void)head_log_likelihood(hidden, weight, {}, at::full({2}, 7, at::kLong)),
               std::logic_error);
  EXPECT_THROW((void)head_log_likelihood(hidden, weight, {}, at::zeros({3}, at::kLong)),
               std::logic_error);
}

}  // namespace
}  // namespace assay
