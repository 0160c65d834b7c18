#include "harness/suite/confusion.h"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

double share(std::span<const ChosenClass> items, bool (*holds)(const ChosenClass&, std::int64_t),
             std::int64_t which) {
  const auto hits =
      std::ranges::count_if(items, [&](const ChosenClass& item) { return holds(item, which); });
  return static_cast<double>(hits) / static_cast<double>(items.size());
}

bool is_gold(const ChosenClass& item, std::int64_t which) { return item.gold == which; }
bool is_chosen(const ChosenClass& item, std::int64_t which) { return item.chosen == which; }
bool is_both(const ChosenClass& item, std::int64_t which) {
  return is_gold(item, which) && is_chosen(item, which);
}

/// How far an item's one-hot vectors of the right and the chosen class lie from their means.
struct Deviations {
  double gold_gold = 0, chosen_chosen = 0, gold_chosen = 0;
};

Deviations deviations(const ChosenClass& item, const std::vector<double>& gold,
                      const std::vector<double>& chosen) {
  Deviations sums;
  for (std::size_t k = 0; k < gold.size(); ++k) {
    const auto which = static_cast<std::int64_t>(k);
    const double g = (is_gold(item, which) ? 1 : 0) - gold[k];
    const double c = (is_chosen(item, which) ? 1 : 0) - chosen[k];
    sums.gold_gold += g * g;
    sums.chosen_chosen += c * c;
    sums.gold_chosen += g * c;
  }
  return sums;
}

}  // namespace

// F1 = 2 both / (gold + chosen), each the share of the items.
std::vector<double> f1_values(std::span<const ChosenClass> items, std::int64_t positive) {
  std::vector<double> values(items.size(), 0.0);
  const double size = share(items, is_gold, positive) + share(items, is_chosen, positive);
  if (size == 0) return values;
  const double f1 = 2 * share(items, is_both, positive) / size;
  std::ranges::transform(items, values.begin(), [&](const ChosenClass& item) {
    const double both = is_both(item, positive) ? 2 : 0;
    const double own = (is_gold(item, positive) ? 1 : 0) + (is_chosen(item, positive) ? 1 : 0);
    return f1 + (both - f1 * own) / size;
  });
  return values;
}

std::vector<double> macro_f1_values(std::span<const ChosenClass> items, std::int64_t classes) {
  std::vector<double> values(items.size(), 0.0);
  double present = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    if (share(items, is_gold, k) + share(items, is_chosen, k) == 0) continue;
    ++present;
    const std::vector<double> own = f1_values(items, k);
    std::ranges::transform(values, own, values.begin(), std::plus<>());
  }
  for (double& value : values) value /= present;
  return values;
}

// The correlation of the one-hot vectors, gold . chosen / (|gold| |chosen|) of their deviations.
std::vector<double> matthews_values(std::span<const ChosenClass> items, std::int64_t classes) {
  std::vector<double> values(items.size(), 0.0), gold, chosen;
  double gold_variance = 1, chosen_variance = 1, both = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    gold.push_back(share(items, is_gold, k));
    chosen.push_back(share(items, is_chosen, k));
    gold_variance -= gold.back() * gold.back();
    chosen_variance -= chosen.back() * chosen.back();
    both += share(items, is_both, k) - gold.back() * chosen.back();
  }
  const bool constant = std::ranges::count(gold, 1.0) + std::ranges::count(chosen, 1.0) > 0;
  if (constant) return values;
  const double scale = std::sqrt(gold_variance * chosen_variance);
  const double matthews = both / scale;
  std::ranges::transform(items, values.begin(), [&](const ChosenClass& item) {
    const Deviations own = deviations(item, gold, chosen);
    return matthews + own.gold_chosen / scale -
           matthews / 2 * (own.gold_gold / gold_variance + own.chosen_chosen / chosen_variance);
  });
  return values;
}

}  // namespace assay
