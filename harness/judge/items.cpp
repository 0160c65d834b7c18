#include "harness/judge/items.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "harness/stats/bootstrap.h"
#include "harness/stats/mcnemar.h"
#include "harness/stats/permutation.h"
#include "harness/stats/power.h"

namespace assay {
namespace {

std::optional<double> value_of(const ItemScore& item, ItemScale scale) {
  if (scale == ItemScale::kDivergence) return item.kld;
  if (scale == ItemScale::kCorrect) {
    return item.correct ? std::optional<double>(*item.correct ? 1 : 0) : std::nullopt;
  }
  if (!item.nll || item.tokens < 1) return std::nullopt;
  return *item.nll / static_cast<double>(item.tokens);
}

double metric_of(std::span<const double> values, ItemScale scale) {
  return scale == ItemScale::kPerplexity ? std::exp(mean(values)) : mean(values);
}

bool finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

void judge_correct(Judgement& judgement, const ItemPairs& pairs, int direction,
                   const Rules& rules) {
  std::int64_t lost = 0;
  std::int64_t won = 0;
  for (std::size_t i = 0; i < pairs.a.size(); ++i) {
    lost += pairs.a[i] > pairs.b[i] ? 1 : 0;
    won += pairs.b[i] > pairs.a[i] ? 1 : 0;
  }
  const McNemar test = mcnemar(lost, won);
  const Estimate estimate = paired_difference(pairs.b, pairs.a);
  judgement.difference = true;
  judgement.effect = estimate.value;
  judgement.interval = estimate.interval;
  judgement.interval_method = "student_t_items";
  judgement.threshold = rules.points_threshold;
  judgement.mde =
      minimum_detectable_effect(estimate.std_error * std::sqrt(static_cast<double>(estimate.n)),
                                pairs.a.size(), rules.alpha_items / 2);
  TestResult result;
  result.statistic = static_cast<double>(lost - won);
  result.p = test.exact;
  result.variant = "mcnemar_exact";
  result.n = static_cast<std::size_t>(lost + won);
  judgement.test = result;
  judgement.p_mid = test.mid_p;
  const double sign = direction > 0 ? -1 : 1;
  const double one = sign * estimate.interval.lo;
  const double other = sign * estimate.interval.hi;
  decide(judgement, {.cost = sign * estimate.value,
                     .lo = std::min(one, other),
                     .hi = std::max(one, other),
                     .p_worse = test.exact,
                     .p_better = test.exact,
                     .limit = rules.points_threshold,
                     .limit_better = rules.points_threshold,
                     .margin = rules.points_threshold,
                     .margin_better = rules.points_threshold,
                     .alpha = rules.alpha_items});
}

/// Perplexities: differences of log-likelihoods. Divergences: differences of the values themselves.
void judge_ratio(Judgement& judgement, const ItemPairs& pairs, ItemScale scale, int direction,
                 const Rules& rules) {
  const auto ratio = [&](std::span<const double> a, std::span<const double> b) {
    return metric_of(b, scale) / metric_of(a, scale);
  };
  std::vector<double> differences;
  for (std::size_t i = 0; i < pairs.a.size(); ++i) {
    differences.push_back(pairs.b[i] - pairs.a[i]);
  }
  PermutationLimits limits;
  limits.seed = rules.seed;
  judgement.test = sign_flip_test(differences, Alternative::kTwoSided, limits);
  const BootstrapEstimate estimate =
      paired_bootstrap(pairs.a, pairs.b, ratio, {rules.resamples, rules.seed, 0.95});
  judgement.effect = estimate.value;
  judgement.interval = estimate.percentile;
  judgement.interval_method = "bootstrap_items";
  judgement.threshold = rules.quality_threshold;
  judgement.mde = minimum_detectable_effect(estimate.std_error, 1, rules.alpha_items / 2);
  const auto cost = [&](double value) { return (direction > 0 ? 1 / value : value) - 1; };
  const double one = cost(estimate.percentile.lo);
  const double other = cost(estimate.percentile.hi);
  const double better = 1 - 1 / (1 + rules.quality_threshold);
  decide(judgement, {.cost = cost(estimate.value),
                     .lo = std::min(one, other),
                     .hi = std::max(one, other),
                     .p_worse = judgement.test->p,
                     .p_better = judgement.test->p,
                     .limit = rules.quality_threshold,
                     .limit_better = better,
                     .margin = rules.quality_threshold,
                     .margin_better = better,
                     .alpha = rules.alpha_items});
}

using Key = std::pair<std::string, std::size_t>;  // item_hash, occurrence

std::map<Key, const ItemScore*> by_hash(const std::vector<ItemScore>& items) {
  std::map<std::string, std::size_t> seen;
  std::map<Key, const ItemScore*> found;
  for (const ItemScore& item : items) found[{item.item_hash, seen[item.item_hash]++}] = &item;
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

std::optional<ItemScale> scale_of(const MetricRecord& metric, const std::vector<ItemScore>& items) {
  if (!metric.summary.value || items.empty()) return std::nullopt;
  const double wanted = *metric.summary.value;
  for (const ItemScale scale :
       {ItemScale::kCorrect, ItemScale::kPerplexity, ItemScale::kDivergence}) {
    std::vector<double> values;
    for (const ItemScore& item : items) {
      const std::optional<double> value = value_of(item, scale);
      if (value) values.push_back(*value);
    }
    if (values.size() != items.size() || !finite(values)) continue;
    if (std::abs(metric_of(values, scale) - wanted) <= 1e-6 * std::max(1.0, std::abs(wanted))) {
      return scale;
    }
  }
  return std::nullopt;
}

ItemPairs pair_items(const std::vector<ItemScore>& a, const std::vector<ItemScore>& b,
                     ItemScale scale) {
  const auto left = by_hash(a);
  const auto right = by_hash(b);
  ItemPairs pairs;
  for (const auto& [key, item] : left) {
    const auto partner = right.find(key);
    if (partner == right.end()) continue;
    const auto from = value_of(*item, scale);
    const auto to = value_of(*partner->second, scale);
    if (!from || !to) continue;
    pairs.a.push_back(*from);
    pairs.b.push_back(*to);
  }
  pairs.unpaired = a.size() + b.size() - 2 * pairs.a.size();
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

void judge_items(Judgement& judgement, const ItemPairs& pairs, ItemScale scale, int direction,
                 const Rules& rules) {
  judgement.n_a = judgement.n_b = pairs.a.size();
  judgement.verdict = Verdict::kNotMeasured;
  if (pairs.unpaired > 0) {
    because(judgement, "items_differ",
            fmt::format("{} items have no partner on the other side", pairs.unpaired));
    return;
  }
  if (pairs.a.empty() || !finite(pairs.a) || !finite(pairs.b)) {
    because(judgement, "bad_samples", "no items, or items that are not numbers");
    return;
  }
  if (pairs.a.size() < 2) {
    judgement.verdict = Verdict::kAmbiguous;
    because(judgement, "one_item", "one item says nothing about others");
    return;
  }
  if (scale == ItemScale::kCorrect) {
    judge_correct(judgement, pairs, direction, rules);
  } else if (metric_of(pairs.a, scale) > 0 && metric_of(pairs.b, scale) > 0) {
    judge_ratio(judgement, pairs, scale, direction, rules);
  } else if (pairs.a == pairs.b) {
    judgement.verdict = Verdict::kSame;
  } else {
    because(judgement, "bad_samples", "a side is 0, so that there is no ratio");
  }
}

}  // namespace assay
