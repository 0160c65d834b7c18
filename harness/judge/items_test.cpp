#include "harness/judge/items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/judge/judge_fixture.h"

namespace assay {
namespace {

constexpr int kItems = 1000;
constexpr int kTrials = 500;

/// Answers of a base that is right on 70 %, and of a candidate that loses `loss` of all items net,
/// `flips` of all items differing.
std::pair<std::vector<bool>, std::vector<bool>> answers(double loss, double flips,
                                                        std::mt19937& random) {
  std::uniform_real_distribution<double> uniform;
  const double to_wrong = (flips + loss) / 2 / 0.7;
  const double to_right = (flips - loss) / 2 / 0.3;
  std::vector<bool> a, b;
  for (int i = 0; i < kItems; ++i) {
    const bool right = uniform(random) < 0.7;
    const bool flipped = uniform(random) < (right ? to_wrong : to_right);
    a.push_back(right);
    b.push_back(right != flipped);
  }
  return {a, b};
}

struct Rates {
  int worse = 0, better = 0, undecided = 0;
};

Rates rates(double loss, double flips) {
  std::mt19937 random(7);
  Rates counted;
  for (int i = 0; i < kTrials; ++i) {
    const auto [a, b] = answers(loss, flips, random);
    const Judgement judgement =
        judge_cell(scored_cell("dense", a), scored_cell("dense", b), {}).front();
    if (judgement.verdict == Verdict::kWorse) ++counted.worse;
    if (judgement.verdict == Verdict::kBetter) ++counted.better;
    if (judgement.verdict == Verdict::kSame || judgement.verdict == Verdict::kAmbiguous) {
      ++counted.undecided;
    }
  }
  return counted;
}

TEST(Accuracy, ALossOfThreePointsIsFound) {
  const Rates few = rates(0.03, 0.06);
  const Rates many = rates(0.03, 0.10);
  RecordProperty("worse_of_500_at_6_percent_flips", few.worse);
  RecordProperty("worse_of_500_at_10_percent_flips", many.worse);
  EXPECT_GE(few.worse, kTrials * 80 / 100);
  EXPECT_GE(many.worse, kTrials * 80 / 100);
}

TEST(Accuracy, ALossOfTwoTenthsOfAPointIsNot) {
  const Rates found = rates(0.002, 0.06);
  RecordProperty("worse_of_500", found.worse);
  EXPECT_LE(found.worse, kTrials * 5 / 100);
  EXPECT_GE(found.undecided, kTrials * 93 / 100);
}

TEST(Accuracy, EqualModelsAreHardlyEverDifferent) {
  const Rates found = rates(0.0, 0.06);
  EXPECT_LE(found.worse + found.better, kTrials * 5 / 100);
}

TEST(Accuracy, StatesMcNemarAndTheDifference) {
  std::vector<bool> a(100, true), b(100, true);
  for (std::size_t i = 0; i < 12; ++i) a[i] = b[i + 20] = false;
  for (std::size_t i = 40; i < 70; ++i) b[i] = false;
  const Judgement judgement =
      judge_cell(scored_cell("dense", a), scored_cell("dense", b), {}).front();
  EXPECT_EQ(judgement.verdict, Verdict::kWorse);
  EXPECT_TRUE(judgement.difference);
  EXPECT_NEAR(*judgement.effect, -0.30, 1e-12);
  EXPECT_EQ(judgement.test->variant, "mcnemar_exact");
  EXPECT_EQ(judgement.test->n, 54U);
  EXPECT_LT(judgement.interval->hi, 0);
}

TEST(Accuracy, SaysHowManyAnswersDiffer) {
  // Of ten: two lost, one won, two wrong both times, of which one with another answer.
  const std::vector<bool> before{true, true, true, true, true, true, true, false, false, false};
  const std::vector<bool> after{false, false, true, true, true, true, true, true, false, false};
  CellRecord a = scored_cell("dense", before), b = scored_cell("dense", after);
  const Judgement plain = judge_cell(a, b, {}).front();
  ASSERT_TRUE(plain.flips);
  EXPECT_EQ(plain.flips->right_to_wrong, 2);
  EXPECT_EQ(plain.flips->wrong_to_right, 1);
  EXPECT_FALSE(plain.flips->wrong_to_wrong) << "nobody stored which answer it was";
  EXPECT_NEAR(plain.flips->rate(), 0.3, 1e-12);
  for (std::size_t i = 0; i < 10; ++i) {
    a.items[i].score = before[i] ? 0 : 1;
    b.items[i].score = after[i] ? 0 : 1;
  }
  b.items[9].score = 3;
  std::swap(b.items[9], b.items[0]);  // pairs by hash, not by place
  const Judgement told = judge_cell(a, b, {}).front();
  EXPECT_EQ(told.flips->wrong_to_wrong, 1);
  EXPECT_NEAR(told.flips->rate(), 0.4, 1e-12);
  EXPECT_NEAR(*told.p_mid, 0.625, 1e-12) << "b = 2, c = 1: 2 (1 + 3) / 8 - 3 / 8";
}

CellRecord perplexity_cell(const std::vector<double>& nll) {
  CellRecord cell = make_record("dense", "text");
  for (std::size_t i = 0; i < nll.size(); ++i) {
    ItemScore item;
    item.item = static_cast<std::int64_t>(i);
    item.item_hash = "w" + std::to_string(i);
    item.nll = 10 * nll[i];
    item.tokens = 10;
    cell.items.push_back(item);
  }
  cell.metrics.push_back(value_metric("token_ppl", std::exp(mean(nll))));
  return cell;
}

std::vector<double> windows(double shift, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> nll;
  for (int i = 0; i < 40; ++i) nll.push_back(2.5 + 0.3 * normal(random));
  for (double& value : nll) value += shift + 0.01 * normal(random);
  return nll;
}

TEST(Perplexity, WindowsArePaired) {
  // Between windows the deviation is 30 %, between sides of a window 1 %: only pairing sees 5 %.
  const Judgement worse =
      judge_cell(perplexity_cell(windows(0, 1)), perplexity_cell(windows(0.05, 1)), {}).front();
  EXPECT_EQ(worse.verdict, Verdict::kWorse);
  EXPECT_NEAR(*worse.effect, std::exp(0.05), 1e-9);
  EXPECT_LT(worse.interval->hi - worse.interval->lo, 0.02);
  const Judgement same =
      judge_cell(perplexity_cell(windows(0, 1)), perplexity_cell(windows(0, 1)), {}).front();
  EXPECT_EQ(same.verdict, Verdict::kSame);
  const Judgement slight =
      judge_cell(perplexity_cell(windows(0, 1)), perplexity_cell(windows(0.005, 1)), {}).front();
  EXPECT_EQ(slight.verdict, Verdict::kSame);
}

TEST(Items, ArePairedByHashNotByPlace) {
  CellRecord a = perplexity_cell({1, 2, 3, 4});
  CellRecord b = perplexity_cell({4, 3, 2, 1});
  for (std::size_t i = 0; i < 4; ++i) b.items[i].item_hash = "w" + std::to_string(3 - i);
  const ItemPairs pairs = pair_items(a.items, b.items, ItemScale::kPerplexity);
  EXPECT_EQ(pairs.a, pairs.b);
  EXPECT_EQ(pairs.unpaired, 0U);
}

TEST(Items, RepeatedItemsArePairedInOrder) {
  CellRecord a = perplexity_cell({1, 2});
  a.items[1].item_hash = a.items[0].item_hash;
  const ItemPairs pairs = pair_items(a.items, a.items, ItemScale::kPerplexity);
  EXPECT_EQ(pairs.a, (std::vector<double>{1, 2}));
  EXPECT_EQ(pairs.a, pairs.b);
}

TEST(Items, WithoutPartnersAreNotCompared) {
  CellRecord b = perplexity_cell({1, 2, 3});
  b.items[2].item_hash = "other";
  const Judgement judgement = judge_cell(perplexity_cell({1, 2, 3}), b, {}).front();
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
  EXPECT_TRUE(has_reason(judgement, "items_differ"));
}

TEST(Items, OneItemAndNaN) {
  const Judgement one = judge_cell(perplexity_cell({1}), perplexity_cell({2}), {}).front();
  EXPECT_EQ(one.verdict, Verdict::kAmbiguous);
  ItemPairs pairs{{1, std::numeric_limits<double>::quiet_NaN()}, {1, 2}, 0};
  Judgement judgement;
  judge_items(judgement, pairs, ItemScale::kPerplexity, -1, {});
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
  EXPECT_TRUE(has_reason(judgement, "bad_samples"));
}

TEST(Items, AScaleIsFoundByTheValueThatItGives) {
  const CellRecord text = perplexity_cell({1, 2});
  EXPECT_EQ(scale_of(text.metrics[0], text.items), ItemScale::kPerplexity);
  const CellRecord questions = scored_cell("dense", {true, false, false});
  EXPECT_EQ(scale_of(questions.metrics[0], questions.items), ItemScale::kCorrect);
  EXPECT_EQ(scale_of(value_metric("other", 0.7), questions.items), std::nullopt);
}

}  // namespace
}  // namespace assay
