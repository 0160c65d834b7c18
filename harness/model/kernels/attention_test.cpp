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

std::vector<RowSpan> batch_of(std::int64_t count, std::int64_t tokens) {
  std::vector<RowSpan> spans;
  for (std::int64_t i = 0; i < count; ++i) spans.push_back({i * tokens, tokens});
  return spans;
}

at::Tensor written_out(const at::Tensor& qkv, std::int64_t batch, const HeadLayout& layout,
                       bool causal = true) {
  const std::int64_t tokens = qkv.size(0) / batch;
  const at::Tensor heads = qkv.to(at::kDouble)
                               .view({batch, tokens, layout.heads + 2 * layout.kv_heads, -1})
                               .transpose(1, 2);
  const std::int64_t group = layout.heads / layout.kv_heads;
  const at::Tensor query = heads.narrow(1, 0, layout.heads);
  const at::Tensor key = heads.narrow(1, layout.heads, layout.kv_heads).repeat_interleave(group, 1);
  const at::Tensor value =
      heads.narrow(1, layout.heads + layout.kv_heads, layout.kv_heads).repeat_interleave(group, 1);
  at::Tensor hidden = at::ones({tokens, tokens}, at::kBool).triu(1);
  if (!causal) hidden.zero_();
  const double scale = layout.scale > 0 ? layout.scale : 1 / std::sqrt(layout.head_dim);
  const at::Tensor scores = at::matmul(query, key.transpose(2, 3)) * scale;
  const at::Tensor weights =
      at::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
  return at::matmul(weights, value).transpose(1, 2).reshape({batch * tokens, -1});
}

class BlockedAttention
    : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t, at::ScalarType>> {};

TEST_P(BlockedAttention, EqualsTheWrittenOutOne) {
  const auto [tokens, head_dim, dtype] = GetParam();
  const c10::InferenceMode inference;
  at::manual_seed(5);
  HeadLayout layout{6, 2, head_dim};
  const std::int64_t batch = 2;
  // Scores of the size that trained models have, so that the running maximum moves.
  const at::Tensor qkv = (at::randn({batch * tokens, 10 * head_dim}) * 2).to(dtype);
  if (!blocked_attention_applies(qkv, layout)) GTEST_SKIP() << "no packed products here";
  for (const bool causal : {true, false}) {
    layout.scale = causal ? 0 : 0.1;
    const at::Tensor context = blocked_attention(qkv, batch_of(batch, tokens), layout, causal);
    EXPECT_EQ(context.scalar_type(), dtype);
    const at::Tensor expected = written_out(qkv, batch, layout, causal);
    const double difference = (context.to(at::kDouble) - expected).abs().max().item<double>();
    EXPECT_LE(difference, dtype == at::kFloat ? 2e-5 : 0.06) << (causal ? "causal" : "whole");
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BlockedAttention,
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
  // Two running sums of fp32 at least, each of half of the terms, whose roundings go either way.
  const double rounding = 0x1p-24 * std::sqrt(static_cast<double>(scores.size()) / 2);
  EXPECT_NEAR(state.sum, sum, rounding * sum);
}

TEST(SoftmaxBlock, MinusInfinityIsNoWeight) {
  std::vector<float> scores(64, -std::numeric_limits<float>::infinity()), weights(64);
  scores[3] = 5;
  RunningSoftmax state;
  softmax_block(scores.data(), 64, 64, 1.0F, true, state, weights.data());
  EXPECT_EQ(std::count(weights.begin(), weights.end(), 0.0F), 63);
  EXPECT_EQ(state.sum, 1.0F);
}

TEST(BlockedAttentionEdges, SameBitsForAnyNumberOfThreads) {
  const c10::InferenceMode inference;
  const HeadLayout layout{3, 1, 64};
  const at::Tensor qkv = at::randn({700, 5 * 64});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = blocked_attention(qkv, batch_of(1, 700), layout, true);
  at::set_num_threads(2);
  const at::Tensor two = blocked_attention(qkv, batch_of(1, 700), layout, true);
  at::set_num_threads(before);
  EXPECT_TRUE(one.equal(two));
}

TEST(BlockedAttentionEdges, ASequenceAmongOthersIsAsAlone) {
  const c10::InferenceMode inference;
  const HeadLayout layout{4, 4, 32};
  const std::vector<RowSpan> spans{{0, 5}, {5, 130}, {135, 1}, {136, 64}};
  const at::Tensor qkv = at::randn({200, 12 * 32});
  for (const bool causal : {true, false}) {
    const at::Tensor together = blocked_attention(qkv, spans, layout, causal);
    for (const RowSpan& span : spans) {
      const at::Tensor alone = blocked_attention(qkv.narrow(0, span.offset, span.length),
                                                 {{0, span.length}}, layout, causal);
      EXPECT_TRUE(together.narrow(0, span.offset, span.length).equal(alone));
    }
  }
}

TEST(BlockedAttentionEdges, NotANumberReachesThoseWhoSeeItAndNobodyElse) {
  const c10::InferenceMode inference;
  const HeadLayout layout{1, 1, 16};
  at::Tensor qkv = at::randn({300, 48});
  qkv[100][20] = std::numeric_limits<float>::quiet_NaN();  // in a key
  const at::Tensor bad = blocked_attention(qkv, batch_of(1, 300), layout, true).isnan().any(1);
  EXPECT_FALSE(bad.narrow(0, 0, 100).any().item<bool>());
  EXPECT_TRUE(bad.narrow(0, 100, 200).all().item<bool>());
}

TEST(BlockedAttentionEdges, RefusesWhatDoesNotFit) {
  const HeadLayout layout{4, 2, 8};
  const auto attend = [&](std::int64_t rows, std::int64_t width, std::vector<RowSpan> spans) {
    (void)blocked_attention(at::randn({rows, width}), spans, layout, true);
  };
  EXPECT_THROW(attend(6, 63, batch_of(1, 6)), std::logic_error);
  EXPECT_THROW(attend(7, 64, batch_of(2, 3)), std::logic_error);
  EXPECT_THROW(attend(6, 64, {{3, 3}, {0, 3}}), std::logic_error);
  EXPECT_FALSE(blocked_attention_applies(at::randn({6, 64}).to(at::kDouble), layout));
}

}  // namespace
}  // namespace assay
