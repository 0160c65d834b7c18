#include "harness/judge/items.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "harness/judge/identical.h"
#include "harness/protocol/item_value.h"
#include "harness/stats/bootstrap.h"
#include "harness/stats/mcnemar.h"
#include "harness/stats/permutation.h"
#include "harness/stats/power.h"

namespace assay {
namespace {

bool finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

bool all_of_both(const ItemPairs& pairs, bool (*fits)(double)) {
  return std::all_of(pairs.a.begin(), pairs.a.end(), fits) &&
         std::all_of(pairs.b.begin(), pairs.b.end(), fits);
}

std::vector<double> differences_of(const ItemPairs& pairs) {
  std::vector<double> differences;
  std::transform(pairs.b.begin(), pairs.b.end(), pairs.a.begin(), std::back_inserter(differences),
                 [](double b, double a) { return b - a; });
  return differences;
}

TestResult flip_test(const ItemPairs& pairs, const Rules& rules) {
  PermutationLimits limits;
  limits.seed = rules.seed;
  return sign_flip_test(differences_of(pairs), Alternative::kTwoSided, limits);
}

TestResult mcnemar_test(Judgement& judgement, const ItemPairs& pairs) {
  std::int64_t lost = 0;
  std::int64_t won = 0;
  for (std::size_t i = 0; i < pairs.a.size(); ++i) {
    lost += pairs.a[i] > pairs.b[i] ? 1 : 0;
    won += pairs.b[i] > pairs.a[i] ? 1 : 0;
  }
  const McNemar test = mcnemar(lost, won);
  judgement.p_mid = test.mid_p;
  TestResult result;
  result.statistic = static_cast<double>(lost - won);
  result.p = test.exact;
  result.variant = "mcnemar_exact";
  result.n = static_cast<std::size_t>(lost + won);
  return result;
}

/// A cost and its interval against limits on both sides, the judgement's test deciding.
void decide_by_test(Judgement& judgement, double cost, Interval interval, double limit,
                    double limit_better, const Rules& rules) {
  if (interval.lo > interval.hi) std::swap(interval.lo, interval.hi);
  judgement.threshold = limit;
  decide(judgement, {.cost = cost,
                     .lo = interval.lo,
                     .hi = interval.hi,
                     .p_worse = judgement.test->p,
                     .p_better = judgement.test->p,
                     .limit = limit,
                     .limit_better = limit_better,
                     .margin = limit,
                     .margin_better = limit_better,
                     .alpha = rules.alpha_items});
}

double detectable(const Estimate& difference, const Rules& rules) {
  const auto n = static_cast<std::size_t>(difference.n);
  return minimum_detectable_effect(
      difference.std_error * std::sqrt(static_cast<double>(difference.n)), n,
      rules.alpha_items / 2);
}

void judge_share(Judgement& judgement, const ItemPairs& pairs, int direction, const Rules& rules) {
  const bool answers = all_of_both(pairs, [](double v) { return v == 0 || v == 1; });
  judgement.test = answers ? mcnemar_test(judgement, pairs) : flip_test(pairs, rules);
  const Estimate estimate = paired_difference(pairs.b, pairs.a);
  judgement.difference = true;
  judgement.effect = estimate.value;
  judgement.interval = estimate.interval;
  judgement.interval_method = "student_t_items";
  judgement.mde = detectable(estimate, rules);
  const double sign = direction > 0 ? -1 : 1;
  decide_by_test(judgement, sign * estimate.value,
                 {sign * estimate.interval.lo, sign * estimate.interval.hi}, rules.points_threshold,
                 rules.points_threshold, rules);
}

/// The ratio of candidate to base, as more or less cost.
void decide_ratio(Judgement& judgement, int direction, const Rules& rules) {
  const auto cost = [&](double ratio) { return (direction > 0 ? 1 / ratio : ratio) - 1; };
  const double limit = rules.quality_threshold;
  decide_by_test(judgement, cost(*judgement.effect),
                 {cost(judgement.interval->lo), cost(judgement.interval->hi)}, limit,
                 1 - 1 / (1 + limit), rules);
}

/// All values behind the ratio are positive, so that every resample has one.
void judge_ratio(Judgement& judgement, const ItemPairs& pairs, Basis basis, int direction,
                 const Rules& rules) {
  const auto ratio = [&](std::span<const double> a, std::span<const double> b) {
    return basis == Basis::kExpMean ? std::exp(mean(b) - mean(a)) : mean(b) / mean(a);
  };
  judgement.test = flip_test(pairs, rules);
  const BootstrapEstimate estimate =
      paired_bootstrap(pairs.a, pairs.b, ratio, {rules.resamples, rules.seed, 0.95});
  judgement.effect = estimate.value;
  judgement.interval = estimate.percentile;
  judgement.interval_method = "bootstrap_items";
  judgement.mde = minimum_detectable_effect(estimate.std_error, 1, rules.alpha_items / 2);
  decide_ratio(judgement, direction, rules);
}

/// The base is 0, or below it by rounding: any change is infinitely large, if it is one.
void judge_from_zero(Judgement& judgement, double difference, int direction, const Rules& rules) {
  because(judgement, "from_zero", "a side is 0, so that there is no ratio; the test decides");
  judgement.verdict = Verdict::kAmbiguous;
  if (equal_to_rounding(difference, 0) || judgement.test->p >= rules.alpha_items) return;
  judgement.verdict = (difference > 0) == (direction > 0) ? Verdict::kBetter : Verdict::kWorse;
}

/// Means of which some items are 0 or, by rounding, below.
void judge_mean_near_zero(Judgement& judgement, const ItemPairs& pairs, int direction,
                          const Rules& rules) {
  judgement.test = flip_test(pairs, rules);
  const Estimate difference = paired_difference(pairs.b, pairs.a);
  const double base = mean(pairs.a);
  const auto nothing = [](double value) { return value <= 0 || equal_to_rounding(value, 0); };
  if (nothing(base) || nothing(mean(pairs.b))) {
    return judge_from_zero(judgement, difference.value, direction, rules);
  }
  const auto ratio = [&](double change) { return std::max(0.0, 1 + change / base); };
  judgement.effect = ratio(difference.value);
  judgement.interval = {ratio(difference.interval.lo), ratio(difference.interval.hi)};
  judgement.interval_method = "student_t_items";
  judgement.mde = detectable(difference, rules) / base;
  decide_ratio(judgement, direction, rules);
}

void judge_different_items(Judgement& judgement, const ItemPairs& pairs, Basis basis, int direction,
                           const Rules& rules) {
  if (pairs.a.size() < 2) {
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "one_item", "one item says nothing about others");
  } else if (basis == Basis::kShare) {
    judge_share(judgement, pairs, direction, rules);
  } else if (basis == Basis::kExpMean || all_of_both(pairs, [](double v) { return v > 0; })) {
    judge_ratio(judgement, pairs, basis, direction, rules);
  } else {
    judge_mean_near_zero(judgement, pairs, direction, rules);
  }
}

using Key = std::pair<std::string, std::size_t>;  // item_hash, occurrence

/// The items that have the value; all of them where no value is named.
std::map<Key, const ItemScore*> by_hash(const std::vector<ItemScore>& items,
                                        const std::string& value = "") {
  std::map<std::string, std::size_t> seen;
  std::map<Key, const ItemScore*> found;
  for (const ItemScore& item : items) {
    if (!value.empty() && !item_value(item, value)) continue;
    found[{item.item_hash, seen[item.item_hash]++}] = &item;
  }
  return found;
}

void count_flip(const ItemScore& a, const ItemScore& b, Flips& flips) {
  if (!a.correct || !b.correct) return;
  ++flips.items;
  flips.right_to_wrong += *a.correct && !*b.correct ? 1 : 0;
  flips.wrong_to_right += !*a.correct && *b.correct ? 1 : 0;
  if (!a.score || !b.score) {
    flips.wrong_to_wrong.reset();
  } else if (flips.wrong_to_wrong && !*a.correct && !*b.correct && *a.score != *b.score) {
    ++*flips.wrong_to_wrong;
  }
}

}  // namespace

ItemPairs pair_items(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b,
                     const std::string& value) {
  const auto left = by_hash(a, value);
  const auto right = by_hash(b, value);
  ItemPairs pairs;
  pairs.stored = !left.empty() && !right.empty();
  for (const auto& [key, item] : left) {
    const auto partner = right.find(key);
    if (partner == right.end()) continue;
    pairs.a.push_back(*item_value(*item, value));
    pairs.b.push_back(*item_value(*partner->second, value));
  }
  pairs.unpaired = left.size() + right.size() - 2 * pairs.a.size();
  return pairs;
}

Flips flips_of(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b) {
  const auto left = by_hash(a);
  const auto right = by_hash(b);
  Flips flips;
  flips.wrong_to_wrong = 0;
  for (const auto& [key, item] : left) {
    const auto partner = right.find(key);
    if (partner != right.end()) count_flip(*item, *partner->second, flips);
  }
  return flips;
}

void judge_items(Judgement& judgement, const ItemPairs& pairs, Basis basis, int direction,
                 const Rules& rules) {
  judgement.n_a = judgement.n_b = pairs.a.size();
  judgement.verdict = Verdict::kNotMeasured;
  if (pairs.unpaired > 0) {
    because(judgement, "items_differ",
            fmt::format("{} items have no partner on the other side", pairs.unpaired));
  } else if (pairs.a.empty() || !finite(pairs.a) || !finite(pairs.b)) {
    because(judgement, "bad_samples", "no items, or items with non-finite values");
  } else if (std::equal(pairs.a.begin(), pairs.a.end(), pairs.b.begin(), equal_to_rounding)) {
    call_identical(judgement, basis == Basis::kShare);
  } else {
    judge_different_items(judgement, pairs, basis, direction, rules);
  }
}

}  // namespace assay
