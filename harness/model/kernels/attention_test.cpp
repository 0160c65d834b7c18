// Against attention written out with a whole matrix of scores, in double precision.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/model/kernels/attention_cpu.h"
#include "harness/model/kernels/attention_torch.h"

namespace assay {
namespace {

at::Tensor written_out(const at::Tensor& qkv, std::int64_t batch, const HeadLayout& layout) {
  const std::int64_t tokens = qkv.size(0) / batch;
  const at::Tensor heads = qkv.to(at::kDouble)
                               .view({batch, tokens, layout.heads + 2 * layout.kv_heads, -1})
                               .transpose(1, 2);
  const std::int64_t group = layout.heads / layout.kv_heads;
  const at::Tensor query = heads.narrow(1, 0, layout.heads);
  const at::Tensor key = heads.narrow(1, layout.heads, layout.kv_heads).repeat_interleave(group, 1);
  const at::Tensor value =
      heads.narrow(1, layout.heads + layout.kv_heads, layout.kv_heads).repeat_interleave(group, 1);
  const at::Tensor hidden = at::ones({tokens, tokens}, at::kBool).triu(1);
  const at::Tensor scores = at::matmul(query, key.transpose(2, 3)) / std::sqrt(layout.head_dim);
  const at::Tensor weights =
      at::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
  return at::matmul(weights, value).transpose(1, 2).reshape({batch * tokens, -1});
}

class CausalAttention
    : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t, at::ScalarType>> {};

TEST_P(CausalAttention, EqualsTheWrittenOutOne) {
  const auto [tokens, head_dim, dtype] = GetParam();
  const c10::InferenceMode inference;
  at::manual_seed(5);
  const HeadLayout layout{6, 2, head_dim};
  const std::int64_t batch = 2;
  // Scores of the size that trained models have, so that the running maximum moves.
  const at::Tensor qkv = (at::randn({batch * tokens, 10 * head_dim}) * 2).to(dtype);
  if (!causal_attention_applies(qkv, layout)) GTEST_SKIP() << "no packed products here";
  const at::Tensor context = causal_attention(qkv, batch, layout);
  EXPECT_EQ(context.scalar_type(), dtype);
  const at::Tensor expected = written_out(qkv, batch, layout);
  const double difference = (context.to(at::kDouble) - expected).abs().max().item<double>();
  EXPECT_LE(difference, dtype == at::kFloat ? 2e-5 : 0.06);
}

INSTANTIATE_TEST_SUITE_P(Sizes, CausalAttention,
                         ::testing::Combine(::testing::Values<std::int64_t>(1, 2, 63, 64, 65, 130,
                                                                            255, 256, 257, 511, 512,
                                                                            513, 1100),
                                            ::testing::Values<std::int64_t>(8, 32, 64, 80),
                                            ::testing::Values(at::kFloat, at::kBFloat16)));

TEST(SoftmaxBlock, WeightsAreTheExponentialsOfLibm) {
  std::vector<float> scores(1 << 16), weights(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = -0x1p-9F * static_cast<float>(i);
  RunningSoftmax state;
  const auto count = static_cast<std::int64_t>(scores.size());
  softmax_block(scores.data(), count, count, 1.0F, true, state, weights.data());
  EXPECT_EQ(state.largest, 0.0F);
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double expected = std::exp(static_cast<double>(scores[i]));
    ASSERT_NEAR(weights[i], expected, 1.8e-7 * expected + 0x1p-126) << scores[i];
    sum += expected;
  }
  EXPECT_NEAR(state.sum, sum, 1e-6 * sum);
}

TEST(SoftmaxBlock, MinusInfinityIsNoWeight) {
  std::vector<float> scores(64, -std::numeric_limits<float>::infinity()), weights(64);
  scores[3] = 5;
  RunningSoftmax state;
  softmax_block(scores.data(), 64, 64, 1.0F, true, state, weights.data());
  EXPECT_EQ(std::count(weights.begin(), weights.end(), 0.0F), 63);
  EXPECT_EQ(state.sum, 1.0F);
}

TEST(CausalAttentionEdges, SameBitsForAnyNumberOfThreads) {
  const c10::InferenceMode inference;
  const HeadLayout layout{3, 1, 64};
  const at::Tensor qkv = at::randn({700, 5 * 64});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = causal_attention(qkv, 1, layout);
  at::set_num_threads(2);
  const at::Tensor two = causal_attention(qkv, 1, layout);
  at::set_num_threads(before);
  EXPECT_TRUE(one.equal(two));
}

TEST(CausalAttentionEdges, NotANumberReachesThoseWhoSeeItAndNobodyElse) {
  const c10::InferenceMode inference;
  const HeadLayout layout{1, 1, 16};
  at::Tensor qkv = at::randn({300, 48});
  qkv[100][20] = std::numeric_limits<float>::quiet_NaN();  // in a key
  const at::Tensor bad = causal_attention(qkv, 1, layout).isnan().any(1);
  EXPECT_FALSE(bad.narrow(0, 0, 100).any().item<bool>());
  EXPECT_TRUE(bad.narrow(0, 100, 200).all().item<bool>());
}

TEST(CausalAttentionEdges, RefusesWhatDoesNotFit) {
  const HeadLayout layout{4, 2, 8};
  EXPECT_THROW((void)causal_attention(at::randn({6, 63}), 1, layout), std::logic_error);
  EXPECT_THROW((void)causal_attention(at::randn({7, 64}), 2, layout), std::logic_error);
  EXPECT_FALSE(causal_attention_applies(at::randn({6, 64}).to(at::kDouble), layout));
}

}  // namespace
}  // namespace assay
