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
    if (judgement.verdict == Verdict::kSame || judgement.verdict == Verdict::kNotWorse ||
        judgement.verdict == Verdict::kAmbiguous) {
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
  cell.metrics.push_back(
      item_metric("token_ppl", std::exp(mean(nll)), Basis::kExpMean, "nll_per_token"));
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
  const ItemPairs pairs = pair_items(a.items, b.items, "nll_per_token");
  EXPECT_EQ(pairs.a, pairs.b);
  EXPECT_EQ(pairs.unpaired, 0U);
}

TEST(Items, RepeatedItemsArePairedInOrder) {
  CellRecord a = perplexity_cell({1, 2});
  a.items[1].item_hash = a.items[0].item_hash;
  const ItemPairs pairs = pair_items(a.items, a.items, "nll_per_token");
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
  judge_items(judgement, pairs, Basis::kExpMean, -1, {});
  EXPECT_EQ(judgement.verdict, Verdict::kNotMeasured);
  EXPECT_TRUE(has_reason(judgement, "bad_samples"));
}

/// One metric of items with these values under the name "own".
CellRecord own_cell(const std::vector<double>& values, double value, Basis basis) {
  CellRecord cell = make_record("dense", "text");
  for (std::size_t i = 0; i < values.size(); ++i) {
    ItemScore item;
    item.item_hash = "i" + std::to_string(i);
    item.tokens = 1;
    item.values["own"] = values[i];
    cell.items.push_back(item);
  }
  cell.metrics.push_back(item_metric("m", value, basis, "own"));
  return cell;
}

Judgement judged(const std::vector<double>& a, const std::vector<double>& b, Basis basis) {
  const auto value = [&](const std::vector<double>& values) {
    return basis == Basis::kExpMean ? std::exp(mean(values)) : mean(values);
  };
  return judge_cell(own_cell(a, value(a), basis), own_cell(b, value(b), basis), {}).front();
}

TEST(Items, BytesThatEqualAnAccuracyAreStillBytes) {
  // One of two right is 0.5, and so are half a byte and a mean; only what is declared counts.
  CellRecord a = scored_cell("dense", {true, false}), b = scored_cell("dense", {false, false});
  a.metrics = {value_metric("model/touched_bytes", 0.5, "B")};
  b.metrics = {value_metric("model/touched_bytes", 0.0, "B")};
  const Judgement judgement = judge_cell(a, b, {}).front();
  EXPECT_FALSE(judgement.difference) << "no points of accuracy";
  EXPECT_FALSE(judgement.test);
  EXPECT_EQ(judgement.verdict, Verdict::kBetter);
  EXPECT_TRUE(has_reason(judgement, "from_zero"));
}

TEST(Items, AKindsOwnValuesAreJudgedByThem) {
  // Another order of right answers than `correct` has: the metric is made of its own value.
  std::vector<double> before(200, 1.0), after(200, 1.0);
  for (std::size_t i = 0; i < 40; ++i) after[i] = 0.0;
  const Judgement share = judged(before, after, Basis::kShare);
  EXPECT_EQ(share.verdict, Verdict::kWorse);
  EXPECT_EQ(share.test->variant, "mcnemar_exact");
  EXPECT_NEAR(*share.effect, -0.2, 1e-12);
  EXPECT_FALSE(share.flips) << "answers are told of `correct` only";
  EXPECT_EQ(judged(after, before, Basis::kShare).verdict, Verdict::kBetter);
}

TEST(Items, SharesOfAWindowAreComparedByTheirDifference) {
  std::vector<double> before, after;
  for (int i = 0; i < 40; ++i) {
    before.push_back(0.9 + 0.001 * (i % 7));
    after.push_back(before.back() - 0.02 - 0.001 * (i % 3));
  }
  const Judgement judgement = judged(before, after, Basis::kShare);
  EXPECT_EQ(judgement.verdict, Verdict::kWorse);
  EXPECT_TRUE(judgement.difference);
  EXPECT_EQ(judgement.test->variant, "signflip_mc");
  EXPECT_NEAR(*judgement.effect, mean(after) - mean(before), 1e-12);
}

TEST(Items, APerplexityOfWordsIsNotOneOfTokens) {
  // exp(mean nll) of items of different lengths: 1 and 3 nats, whatever their tokens.
  CellRecord a = perplexity_cell({0.1, 0.3}), b = perplexity_cell({0.2, 0.6});
  for (CellRecord* cell : {&a, &b}) {
    cell->items[0].tokens = 5;
    cell->metrics = {item_metric("perplexity", 1, Basis::kExpMean, "nll")};
  }
  a.metrics[0].summary.value = std::exp(2.0);
  b.metrics[0].summary.value = std::exp(4.0);
  EXPECT_NEAR(*judge_cell(a, b, {}).front().effect, std::exp(2.0), 1e-9);
}

TEST(Items, WithoutTheValueTheyAreNotGuessed) {
  CellRecord a = scored_cell("dense", {true, false, true, true});
  CellRecord b = scored_cell("dense", {true, true, false, false});
  for (CellRecord* cell : {&a, &b}) {
    MetricRecord norm =
        item_metric("acc_norm", *cell->metrics[0].summary.value, Basis::kShare, "correct_norm");
    norm.summary.n = 4;
    norm.summary.lo = *norm.summary.value / 2;
    norm.summary.hi = *norm.summary.value * 1.5;
    cell->metrics.push_back(norm);
  }
  const Judgement judgement = judge_cell(a, b, {}).at(1);
  EXPECT_TRUE(has_reason(judgement, "items_not_stored"));
  EXPECT_EQ(judgement.interval_method, "of_stored_intervals");
  EXPECT_FALSE(judgement.test);
}

TEST(Items, ItemsOfAGroupAreThoseThatHaveItsValue) {
  CellRecord a = own_cell({1, 1, 0, 1}, 1, Basis::kShare);
  a.items[3].values.clear();
  CellRecord b = a;
  EXPECT_EQ(pair_items(a.items, b.items, "own").a, (std::vector<double>{1, 1, 0}));
  b.items[2].values.clear();
  EXPECT_EQ(pair_items(a.items, b.items, "own").unpaired, 1U);
  EXPECT_FALSE(pair_items(a.items, b.items, "other").stored);
}

TEST(Items, AnyNumberOfEqualOnesIsTheSame) {
  for (const Basis basis : {Basis::kShare, Basis::kMean, Basis::kExpMean}) {
    for (const std::vector<double>& values :
         {std::vector<double>{0}, {1}, {0, 0}, {1, 1, 1}, {0.5}, {0, 0.25, 1}}) {
      Judgement judgement;
      judge_items(judgement, {values, values}, basis, 1, {});
      EXPECT_EQ(judgement.verdict, Verdict::kSame) << basis_name(basis) << values.size();
      EXPECT_EQ(judged(values, values, basis).verdict, Verdict::kSame);
    }
  }
}

TEST(Items, TheRoundingOfASumIsNoDifference) {
  Judgement one;
  judge_items(one, {{2.5}, {2.5000001}}, Basis::kExpMean, -1, {});
  EXPECT_EQ(one.verdict, Verdict::kSame);
  Judgement zero;
  judge_items(zero, {{0, 0, 0}, {1e-9, -1e-9, 2e-9}}, Basis::kMean, -1, {});
  EXPECT_EQ(zero.verdict, Verdict::kSame) << "a divergence of rounding against none";
  Judgement more;
  judge_items(more, {{2.5}, {2.6}}, Basis::kExpMean, -1, {});
  EXPECT_EQ(more.verdict, Verdict::kAmbiguous) << "one item says nothing about others";
}

TEST(Items, ADivergenceFromNothingHasNoRatioAndAVerdict) {
  const std::vector<double> none(20, 0.0);
  std::vector<double> some;
  for (int i = 0; i < 20; ++i) some.push_back(0.1 + 0.01 * i);
  const Judgement worse = judged(none, some, Basis::kMean);
  EXPECT_EQ(worse.verdict, Verdict::kWorse);
  EXPECT_FALSE(worse.effect);
  EXPECT_TRUE(has_reason(worse, "from_zero"));
  EXPECT_EQ(judged(some, none, Basis::kMean).verdict, Verdict::kBetter);
}

TEST(Items, SomeZerosMakeNoImpossibleInterval) {
  // Resamples of five such windows often are all 0: no ratio could be made of them.
  const Judgement judgement = judged({0, 0, 0, 0, 0.1}, {0, 0, 0, 0.05, 0.1}, Basis::kMean);
  ASSERT_TRUE(judgement.interval);
  EXPECT_TRUE(std::isfinite(judgement.interval->hi));
  EXPECT_GE(judgement.interval->lo, 0);
  EXPECT_NEAR(*judgement.effect, 1.5, 1e-12);
  EXPECT_EQ(judgement.verdict, Verdict::kAmbiguous);
}

TEST(Items, RulingOutALossIsEnoughForAGate) {
  // 8 of 100 won, none lost: more than a point is neither sure nor excluded, a loss is.
  std::vector<double> before(400, 0.0), after(400, 0.0);
  for (std::size_t i = 0; i < 5; ++i) after[i] = 1.0;
  const Judgement judgement = judged(before, after, Basis::kShare);
  EXPECT_EQ(judgement.verdict, Verdict::kNotWorse);
}

}  // namespace
}  // namespace assay
