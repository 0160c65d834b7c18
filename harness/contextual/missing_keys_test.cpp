// Heads that never get the keys of tokens that did not choose them: against loops, and scored
// against decoded.
#include "harness/contextual/missing_keys.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "harness/contextual/missing_keys_fixture.h"
#include "harness/model/packed_sequences.h"

namespace assay {
namespace {

constexpr std::int64_t kLength = 14, kPrompt = 5;
constexpr double kTolerance = 1e-5;

class AbsentKeys : public ::testing::TestWithParam<std::string> {
 protected:
  AbsentKeys() : model_(load_golden(GetParam())) {
    at::manual_seed(4);
    masks_ = any_masks(kLength, heads());
    masks_.select(0, 3).fill_(false);  // a token that runs no head at all
    masks_.select(0, kPrompt + 1).fill_(false);
  }
  [[nodiscard]] std::int64_t heads() const { return model_.spec().layer(0).heads; }
  [[nodiscard]] at::Tensor tokens(std::int64_t batch) const {
    return at::randint(0, model_.spec().vocab, {batch, kLength}, at::kLong);
  }
  [[nodiscard]] Model absent() const { return with_missing(model_, MissingKeys::kAbsent, masks_); }

  const at::NoGradGuard as_in_the_worker_;
  Model model_;
  at::Tensor masks_;
};

TEST_P(AbsentKeys, AreLeftOutAsLoopsLeaveThemOut) {
  const at::Tensor text = tokens(2);
  const at::Tensor found = scored(absent(), text);
  EXPECT_LT(apart(found, scored(by_hand(model_, masks_, /*absent=*/true), text)), kTolerance);
  const at::Tensor dense = scored(by_hand(model_, masks_, /*absent=*/false), text);
  EXPECT_LT(apart(scored(with_missing(model_, MissingKeys::kDense, masks_), text), dense),
            kTolerance);
  EXPECT_GT(apart(found, dense), 100 * kTolerance) << "changes nothing";
}

TEST_P(AbsentKeys, AreAbsentInDecodingToo) {
  for (const std::int64_t batch : {1, 2}) {
    for (const std::int64_t prompt : {kPrompt, std::int64_t{1}}) {
      const Model model = absent();
      const at::Tensor text = tokens(batch);
      EXPECT_LT(apart(decoded(model, text, prompt), scored(model, text)), kTolerance)
          << "batch " << batch << ", prompt " << prompt;
    }
  }
}

TEST_P(AbsentKeys, AreAbsentFromAPromptThatComesInParts) {
  const Model model = absent();
  const at::Tensor text = tokens(2);
  KvCache cache(model.spec(), 2, kLength, model.dtype(), model.device());
  (void)model.hidden_step(text.narrow(1, 0, kPrompt).contiguous(), cache);
  const at::Tensor rest = model.logits(
      model.hidden_step(text.narrow(1, kPrompt, kLength - kPrompt).contiguous(), cache));
  const at::Tensor expected = scored(model, text).view({2, kLength, -1});
  EXPECT_LT(
      apart(rest.view({2, kLength - kPrompt, -1}), expected.narrow(1, kPrompt, kLength - kPrompt)),
      kTolerance);
}

TEST_P(AbsentKeys, OfTokensThatWereTakenBackAreForgotten) {
  const Model model = absent();
  const at::Tensor text = tokens(1);
  KvCache cache(model.spec(), 1, kLength, model.dtype(), model.device());
  (void)model.hidden_step(text, cache);
  cache.truncate(kPrompt);
  at::Tensor last;
  for (std::int64_t t = kPrompt; t < kLength; ++t) {
    last = model.hidden_step(text.narrow(1, t, 1).contiguous(), cache);
  }
  EXPECT_LT(apart(model.logits(last), scored(model, text).narrow(0, kLength - 1, 1)), kTolerance);
}

TEST_P(AbsentKeys, OfPackedSequencesAreThoseOfEachAlone) {
  const Model model = absent();
  const at::Tensor first = tokens(1)[0], second = tokens(1)[0].narrow(0, 0, 9);
  const PackedTokens packed = pack_sequences({first, second, first});
  const at::Tensor found = model.logits(model.hidden_packed(packed));
  const at::Tensor expected =
      at::cat({scored(model, first.unsqueeze(0)), scored(model, second.unsqueeze(0)),
               scored(model, first.unsqueeze(0))});
  EXPECT_LT(apart(found, expected), kTolerance);
  const Model loops = by_hand(model_, masks_, /*absent=*/true);
  EXPECT_LT(apart(found, loops.logits(loops.hidden_packed(packed))), kTolerance);
}

/// Two answers to one prompt.
PackedTokens tree(const at::Tensor& tokens, std::int64_t prompt, std::int64_t answer) {
  const std::int64_t length = prompt + 2 * answer;
  at::Tensor mask = at::ones({length, length}, at::kBool).tril();
  mask.narrow(0, prompt + answer, answer).narrow(1, prompt, answer).fill_(false);
  const at::Tensor places = at::arange(prompt + answer, at::kLong);
  PackedTokens packed;
  packed.tokens = tokens.narrow(0, 0, length).contiguous();
  packed.positions = at::cat({places, places.narrow(0, prompt, answer)});
  packed.segments = {{0, length, mask}};
  packed.prompt = at::arange(length, at::kLong).lt(prompt);
  return packed;
}

TEST_P(AbsentKeys, OfAnswersThatShareAPromptAreThoseOfEachAlone) {
  constexpr std::int64_t kAnswer = 4;
  for (const MaskSource source : {MaskSource::kPerToken, MaskSource::kPromptLast}) {
    Routing routing;
    routing.missing = MissingKeys::kAbsent;
    routing.source = source;
    const Model model =
        routed_heads(model_, routing, [&] { return std::make_unique<ByPosition>(masks_); });
    const at::Tensor text = tokens(1)[0];
    const PackedTokens packed = tree(text, kPrompt, kAnswer);
    const at::Tensor found = model.logits(model.hidden_packed(packed));
    for (const std::int64_t answer : {0, 1}) {
      const auto rows = [&](const at::Tensor& all) {
        return at::cat(
            {all.narrow(0, 0, kPrompt), all.narrow(0, kPrompt + answer * kAnswer, kAnswer)});
      };
      const at::Tensor alone = rows(text).unsqueeze(0);
      EXPECT_LT(apart(rows(found), model.logits(model.hidden(alone, nullptr, kPrompt))),
                kTolerance);
      EXPECT_LT(apart(rows(found), decoded(model, alone, kPrompt)), kTolerance);
    }
    if (source != MaskSource::kPerToken) continue;
    const Model loops = by_hand(model_, masks_, /*absent=*/true);
    EXPECT_LT(apart(found, loops.logits(loops.hidden_packed(packed))), kTolerance);
  }
}

TEST_P(AbsentKeys, OfAPromptThatRunsWholeAreAllThere) {
  Routing routing;
  routing.missing = MissingKeys::kAbsent;
  routing.source = MaskSource::kPromptLast;
  at::Tensor given = masks_;
  given.select(0, kPrompt - 1).fill_(false).select(0, 1).fill_(true);
  const Model model =
      routed_heads(model_, routing, [&] { return std::make_unique<ByPosition>(given); });
  at::Tensor run = given.select(0, kPrompt - 1).expand({kLength, heads()}).clone();
  run.narrow(0, 0, kPrompt).fill_(true);
  const Model loops = by_hand(model_, run, /*absent=*/true);
  for (const std::int64_t batch : {1, 2}) {
    const at::Tensor text = tokens(batch);
    const at::Tensor expected = scored(loops, text);
    EXPECT_LT(apart(model.logits(model.hidden(text, nullptr, kPrompt)), expected), kTolerance);
    EXPECT_LT(apart(decoded(model, text, kPrompt), expected), kTolerance);
  }
}

TEST_P(AbsentKeys, AreAbsentInHalfPrecisionToo) {
  model_ = load_golden(GetParam(), at::kBFloat16);
  const Model model = absent();
  for (const std::int64_t batch : {1, 2}) {
    const at::Tensor text = tokens(batch);
    EXPECT_LT(apart(decoded(model, text, kPrompt), scored(model, text)), 3e-2);
  }
}

TEST_P(AbsentKeys, OfNoHeadAreTheDenseModelBitForBit) {
  masks_.fill_(true);
  const at::Tensor text = tokens(2);
  const Model dense = with_missing(model_, MissingKeys::kDense, masks_), model = absent();
  EXPECT_TRUE(scored(model, text).equal(scored(dense, text)));
  EXPECT_TRUE(decoded(model, text, kPrompt).equal(decoded(dense, text, kPrompt)));
  const at::Tensor one = text.narrow(0, 0, 1);
  EXPECT_TRUE(decoded(model, one, kPrompt).equal(decoded(dense, one, kPrompt)));
  EXPECT_LT(apart(scored(model, text), scored(model_, text)), kTolerance);
}

TEST_P(AbsentKeys, AreChosenByWhatAllHeadsGiveOverAllKeys) {
  Routing routing;
  routing.missing = MissingKeys::kAbsent;
  const Model model = routed_heads(
      model_, routing, [&] { return std::make_unique<LargestContexts>(heads(), heads() / 2); });
  for (const std::int64_t batch : {1, 2}) {
    const at::Tensor text = tokens(batch);
    EXPECT_LT(apart(decoded(model, text, kPrompt), scored(model, text)), kTolerance);
  }
}

// Elsewhere equal positions choose alike, whatever the text.
TEST_P(AbsentKeys, AreThoseOfEachSequenceThatRunsWithOthers) {
  Routing routing;
  routing.missing = MissingKeys::kAbsent;
  const Model model =
      routed_heads(model_, routing, [&] { return std::make_unique<WhatIsPositive>(heads()); });
  const at::Tensor text = tokens(2);
  const at::Tensor alone =
      at::cat({scored(model, text.narrow(0, 0, 1)), scored(model, text.narrow(0, 1, 1))});
  EXPECT_LT(apart(scored(model, text), alone), kTolerance);
  EXPECT_LT(apart(decoded(model, text, kPrompt), alone), kTolerance);
  EXPECT_LT(apart(model.logits(model.hidden_packed(pack_sequences({text[0], text[1]}))), alone),
            kTolerance);
}

TEST_P(AbsentKeys, OfALaterTokenChangeNoEarlierLogit) {
  Routing routing;
  routing.missing = MissingKeys::kAbsent;
  const Model model =
      routed_heads(model_, routing, [&] { return std::make_unique<WhatIsPositive>(heads()); });
  const at::Tensor text = tokens(1);
  const at::Tensor before = scored(model, text);
  for (const std::int64_t changed : {kLength - 1, kLength / 2}) {
    at::Tensor other = text.clone();
    other[0][changed] = (text[0][changed].item<std::int64_t>() + 1) % model_.spec().vocab;
    const at::Tensor after = scored(model, other);
    EXPECT_TRUE(after.narrow(0, 0, changed).equal(before.narrow(0, 0, changed)));
    EXPECT_FALSE(after.equal(before));
  }
}

TEST_P(AbsentKeys, AreNotCounted) {
  const LayerShape shape = model_.spec().layer(0);
  const double layers = static_cast<double>(model_.layer_count());
  const double group = static_cast<double>(shape.heads) / static_cast<double>(shape.kv_heads);
  Model model = absent();
  ToldSums told;
  model.watch(&told);
  (void)scored(model, tokens(1));
  const ToldSums of_scores = told;
  told = {};
  (void)decoded(model, tokens(1), kPrompt);
  model.watch(nullptr);
  for (const char* fact : {"head_share", "touched_bytes", "flops_per_token"}) {
    EXPECT_NEAR(told.sums.at(fact), of_scores.sums.at(fact), 1e-3) << fact;
  }
  const bool biased = model_.spec().qkv_bias;
  const double width = static_cast<double>(model_.spec().width);
  const double row = static_cast<double>(shape.head_dim) * (width + (biased ? 1 : 0)) * 4;
  double expected = 0;
  for (std::int64_t i = 0; i < kLength; ++i) {
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      if (masks_[i][h].item<bool>())
        expected += row + static_cast<double>(shape.head_dim) * width * 4;
    }
    for (std::int64_t g = 0; g < shape.kv_heads; ++g) {
      const auto size = static_cast<std::int64_t>(group);
      if (masks_[i].narrow(0, g * size, size).any().item<bool>()) expected += 2 * row;
    }
  }
  EXPECT_NEAR(told.sums["touched_bytes"], layers * expected, 1);
  EXPECT_LT(told.sums["flops_per_token"], 2.01 * told.sums["touched_bytes"] / 4);
  EXPECT_GT(told.sums["flops_per_token"], 1.9 * told.sums["touched_bytes"] / 4);
}

TEST_P(AbsentKeys, OfABlockThatRunsAllAreThere) {
  Routing routing;
  routing.missing = MissingKeys::kAbsent;
  routing.runs_all = true;
  const Model model =
      routed_heads(model_, routing, [&] { return std::make_unique<ByPosition>(masks_); });
  const at::Tensor text = tokens(1);
  EXPECT_TRUE(scored(model, text).equal(scored(model_, text)));
  EXPECT_TRUE(decoded(model, text, kPrompt).equal(decoded(model_, text, kPrompt)));
  EXPECT_EQ(model.cost().resident_bytes, model_.cost().resident_bytes);
}

TEST_P(AbsentKeys, OfAllHeadsTogetherCostWhatTheDenseModelDoes) {
  masks_.fill_(true);
  Model model = absent();
  ToldSums told;
  model.watch(&told);
  (void)scored(model, tokens(1));
  model.watch(nullptr);
  const Cost dense = model_.cost(), part = model.cost();
  EXPECT_EQ(part.touched_bytes + std::llround(told.sums["touched_bytes"] / kLength),
            dense.touched_bytes);
  EXPECT_EQ(part.flops_per_token + std::llround(told.sums["flops_per_token"] / kLength),
            dense.flops_per_token);
  EXPECT_EQ(part.resident_bytes, dense.resident_bytes);
}

INSTANTIATE_TEST_SUITE_P(Models, AbsentKeys, ::testing::ValuesIn(attention_kinds()),
                         [](const auto& made) { return made.param; });

TEST(KeyHeads, AreThoseOfWhichOneOfTheGroupRuns) {
  const at::Tensor masks = at::tensor({0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0}, at::kLong).view({2, 6});
  const at::Tensor groups = key_heads_of({.heads = 6, .kv_heads = 3}, masks.to(at::kBool));
  EXPECT_TRUE(groups.to(at::kLong).equal(at::tensor({1, 0, 1, 0, 0, 1}, at::kLong).view({2, 3})));
}

TEST(MissingKeysNames, AreInTheEnumerationsOrder) {
  EXPECT_EQ(missing_keys_from_name("dense"), MissingKeys::kDense);
  EXPECT_EQ(missing_keys_from_name("recompute"), MissingKeys::kRecompute);
  EXPECT_EQ(missing_keys_from_name("absent"), MissingKeys::kAbsent);
  EXPECT_THROW((void)missing_keys_from_name("none"), std::logic_error);
}

}  // namespace
}  // namespace assay
