// Keys that are computed when their head is chosen again: the dense model's values, fewer rows.
#include "harness/contextual/late_keys.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include <set>

#include "harness/contextual/missing_keys_fixture.h"

namespace assay {
namespace {

constexpr std::int64_t kLength = 30, kPrompt = 5;  // more than 16 are decoded
constexpr double kTolerance = 1e-5;

class RecomputedKeys : public ::testing::TestWithParam<std::string> {
 protected:
  RecomputedKeys() : model_(load_golden(GetParam())) {
    at::manual_seed(4);
    masks_ = any_masks(kLength, shape().heads);
    masks_.select(0, kPrompt + 1).fill_(false);
    // One group of heads is not chosen before the flush, and one not for long behind it.
    masks_.narrow(0, 2, kPrompt + 15).narrow(1, 0, group()).fill_(false);
    masks_.narrow(0, 23, 5).narrow(1, shape().heads - group(), group()).fill_(false);
    masks_.select(0, kLength - 1).fill_(true);
  }
  [[nodiscard]] LayerShape shape() const { return model_.spec().layer(0); }
  [[nodiscard]] std::int64_t group() const { return shape().heads / shape().kv_heads; }
  [[nodiscard]] at::Tensor tokens(std::int64_t batch) const {
    return at::randint(0, model_.spec().vocab, {batch, kLength}, at::kLong);
  }
  [[nodiscard]] Model routed(MissingKeys missing) const {
    return with_missing(model_, missing, masks_);
  }
  [[nodiscard]] KvCache cache(std::int64_t batch) const {
    return {model_.spec(), batch, kLength, model_.dtype(), model_.device()};
  }
  /// bool [tokens, kv_heads]
  [[nodiscard]] at::Tensor keyed() const {
    return masks_.unflatten(1, {shape().kv_heads, group()}).any(2);
  }
  /// Told of `k` and `v` by `run` in all layers: bytes, and multiplications.
  template <typename Run>
  [[nodiscard]] std::pair<double, double> told(const Run& run) const {
    const auto sums = [&](MissingKeys missing) {
      Model model = routed(missing);
      ToldSums observer;
      model.watch(&observer);
      run(model);
      model.watch(nullptr);
      return observer.sums;
    };
    auto more = sums(MissingKeys::kRecompute), less = sums(MissingKeys::kDense);
    return {more["touched_bytes"] - less["touched_bytes"],
            more["flops_per_token"] - less["flops_per_token"]};
  }
  /// A head's rows of k and v, as told of one layer.
  [[nodiscard]] std::pair<double, double> of_a_head() const {
    const double width = static_cast<double>(model_.spec().width);
    const double rows = 2 * static_cast<double>(shape().head_dim);
    const double bias = model_.spec().qkv_bias ? 1 : 0;
    return {rows * (width + bias) * 4, rows * (2 * width + bias)};
  }

  const at::NoGradGuard as_in_the_worker_;
  Model model_;
  at::Tensor masks_;
};

TEST_P(RecomputedKeys, ScoreAsAllKeysDoBitForBit) {
  const at::Tensor text = tokens(2);
  EXPECT_TRUE(scored(routed(MissingKeys::kRecompute), text)
                  .equal(scored(routed(MissingKeys::kDense), text)));
}

TEST_P(RecomputedKeys, DecodeAsAllKeysDo) {
  const Model dense = routed(MissingKeys::kDense), model = routed(MissingKeys::kRecompute);
  const Model loops = by_hand(model_, masks_, /*absent=*/false);
  for (const std::int64_t batch : {1, 2}) {
    for (const std::int64_t prompt : {kPrompt, std::int64_t{1}}) {
      const at::Tensor text = tokens(batch), found = decoded(model, text, prompt);
      EXPECT_LT(apart(found, decoded(dense, text, prompt)), kTolerance);
      EXPECT_LT(apart(found, scored(loops, text)), kTolerance);
    }
  }
}

TEST_P(RecomputedKeys, DecodeAsAllKeysDoInHalfPrecisionToo) {
  model_ = load_golden(GetParam(), at::kBFloat16);
  const at::Tensor text = tokens(1);
  EXPECT_LT(apart(decoded(routed(MissingKeys::kRecompute), text, kPrompt),
                  decoded(routed(MissingKeys::kDense), text, kPrompt)),
            3e-2);
}

TEST_P(RecomputedKeys, OfHeadsThatAllRunAreTheDenseModelBitForBit) {
  masks_.fill_(true);
  const at::Tensor text = tokens(1);
  EXPECT_TRUE(decoded(routed(MissingKeys::kRecompute), text, kPrompt)
                  .equal(decoded(routed(MissingKeys::kDense), text, kPrompt)));
}

TEST_P(RecomputedKeys, OfPromptsAreThereAndLaterOnesFollowThem) {
  Routing routing;
  routing.source = MaskSource::kPromptLast;
  at::Tensor results[2];
  const at::Tensor text = tokens(1);
  for (const MissingKeys missing : {MissingKeys::kDense, MissingKeys::kRecompute}) {
    routing.missing = missing;
    const Model model =
        routed_heads(model_, routing, [&] { return std::make_unique<ByPosition>(masks_); });
    results[missing == MissingKeys::kDense ? 0 : 1] = decoded(model, text, kPrompt);
  }
  EXPECT_LT(apart(results[1], results[0]), kTolerance);
}

// What a cache holds of layer 0, whose inputs no attention has changed.
TEST_P(RecomputedKeys, WaitInTheCacheUntilTheirHeadIsChosenOrSixteenWait) {
  const Model dense = routed(MissingKeys::kDense), model = routed(MissingKeys::kRecompute);
  const at::Tensor text = tokens(1), needed = keyed();
  KvCache all = cache(1), some = cache(1);
  const auto step = [&](std::int64_t from, std::int64_t count) {
    const at::Tensor part = text.narrow(1, from, count).contiguous();
    (void)dense.hidden_step(part, all);
    (void)model.hidden_step(part, some);
  };
  step(0, kPrompt);
  std::int64_t waited = 0;
  for (std::int64_t t = kPrompt; t < kLength; ++t) {
    step(t, 1);
    const std::int64_t start = t - (t - kPrompt) % kMostWaiting;
    const bool full = (t - kPrompt + 1) % kMostWaiting == 0;
    for (std::int64_t head = 0; head < shape().kv_heads; ++head) {
      for (std::int64_t i = 0; i <= t; ++i) {
        const bool there =
            i < start || full || needed.narrow(0, i, t + 1 - i).select(1, head).any().item<bool>();
        for (auto part : {&KvCache::keys, &KvCache::values}) {
          const at::Tensor expected = (all.*part)(0)[0][head][i],
                           found = (some.*part)(0)[0][head][i];
          const double off = (there ? found - expected : found).abs().max().item<double>();
          EXPECT_LT(off, 1e-5) << "token " << i << " of head " << head << " at " << t;
        }
        waited += there ? 0 : 1;
      }
    }
  }
  EXPECT_GT(waited, 20) << "nothing waits";
}

TEST_P(RecomputedKeys, AreThereForAStepOfSeveralTokens) {
  const Model dense = routed(MissingKeys::kDense), model = routed(MissingKeys::kRecompute);
  const at::Tensor text = tokens(1);
  const auto last = [&](const Model& any) {
    KvCache kept = cache(1);
    (void)any.hidden_step(text.narrow(1, 0, kPrompt).contiguous(), kept);
    for (std::int64_t t = kPrompt; t < 12; ++t) {
      (void)any.hidden_step(text.narrow(1, t, 1).contiguous(), kept);
    }
    std::vector<at::Tensor> rows{any.hidden_step(text.narrow(1, 12, 4).contiguous(), kept)};
    for (std::int64_t t = 16; t < kLength; ++t) {
      rows.push_back(any.hidden_step(text.narrow(1, t, 1).contiguous(), kept));
    }
    return any.logits(at::cat(rows));
  };
  EXPECT_LT(apart(last(model), last(dense)), kTolerance);
}

TEST_P(RecomputedKeys, OfTokensThatWereTakenBackAreForgotten) {
  const Model dense = routed(MissingKeys::kDense), model = routed(MissingKeys::kRecompute);
  const at::Tensor text = tokens(1), other = tokens(1);
  const auto last = [&](const Model& any, std::int64_t back) {
    KvCache kept = cache(1);
    (void)any.hidden_step(other.narrow(1, 0, kPrompt).contiguous(), kept);
    for (std::int64_t t = kPrompt; t < 26; ++t) {
      (void)any.hidden_step(other.narrow(1, t, 1).contiguous(), kept);
    }
    kept.truncate(back);
    std::vector<at::Tensor> rows;
    for (std::int64_t t = back; t < kLength; ++t) {
      rows.push_back(any.hidden_step(text.narrow(1, t, 1).contiguous(), kept));
    }
    return any.logits(at::cat(rows));
  };
  for (const std::int64_t back : {24, 21, 18, 7, 3}) {
    EXPECT_LT(apart(last(model, back), last(dense, back)), kTolerance) << back;
  }
}

/// Heads read and rows computed by tokens [first, kLength), one after the other.
std::pair<double, double> simulated(const at::Tensor& keyed, std::int64_t first) {
  double heads = 0, rows = 0;
  std::vector<std::set<std::int64_t>> waiting(static_cast<std::size_t>(keyed.size(1)));
  std::int64_t count = 0;
  for (std::int64_t t = first; t < keyed.size(0); ++t) {
    const bool full = ++count == 16;
    if (full) count = 0;
    for (std::int64_t head = 0; head < keyed.size(1); ++head) {
      std::set<std::int64_t>& of_head = waiting[static_cast<std::size_t>(head)];
      of_head.insert(t);
      if (!full && !keyed[t][head].item<bool>()) continue;
      heads += 1;
      rows += static_cast<double>(of_head.size());
      of_head.clear();
    }
  }
  return {heads, rows};
}

TEST_P(RecomputedKeys, AreCountedWhereTheyAreComputed) {
  const double layers = static_cast<double>(model_.layer_count());
  const auto [bytes, work] = of_a_head();
  for (const std::int64_t batch : {1, 2}) {
    const double times = layers * static_cast<double>(batch);
    const at::Tensor text = tokens(batch);
    const auto in_scores = told([&](const Model& model) { (void)scored(model, text); });
    const auto [heads, rows] = simulated(keyed(), 0);
    EXPECT_NEAR(in_scores.first, times * heads * bytes, 1);
    EXPECT_NEAR(in_scores.second, times * rows * work, 1);
    const auto in_steps = told([&](const Model& model) { (void)decoded(model, text, kPrompt); });
    const auto [later_heads, later_rows] = simulated(keyed(), kPrompt);
    const double prompt = static_cast<double>(kPrompt * shape().kv_heads);
    EXPECT_NEAR(in_steps.first, times * (prompt + later_heads) * bytes, 1);
    EXPECT_NEAR(in_steps.second, times * (prompt + later_rows) * work, 1);
  }
}

TEST_P(RecomputedKeys, OfAnswersThatShareAPromptAreCountedAsEachAlone) {
  StepContext step;
  const std::int64_t prompt = 13, answer = 8, length = prompt + 2 * answer;
  at::Tensor mask = at::ones({length, length}, at::kBool).tril();
  mask.narrow(0, prompt + answer, answer).narrow(1, prompt, answer).fill_(false);
  const std::vector<Segment> segments{{0, length, mask}, {length, 7, {}}};
  step.visibility.segments = &segments;
  const at::Tensor needed = any_masks(length + 7, 3);
  const at::Tensor found = rows_due_if_decoded(step, needed);
  StepContext alone;
  for (const std::int64_t which : {0, 1}) {
    const auto rows = [&](const at::Tensor& all) {
      return at::cat({all.narrow(0, 0, prompt), all.narrow(0, prompt + which * answer, answer)});
    };
    alone.tokens = prompt + answer;
    EXPECT_TRUE(rows(found).equal(rows_due_if_decoded(alone, rows(needed))));
  }
  alone.tokens = 7;
  EXPECT_TRUE(
      found.narrow(0, length, 7).equal(rows_due_if_decoded(alone, needed.narrow(0, length, 7))));
}

INSTANTIATE_TEST_SUITE_P(Models, RecomputedKeys, ::testing::ValuesIn(attention_kinds()),
                         [](const auto& made) { return made.param; });

}  // namespace
}  // namespace assay
