#include "harness/suite/confusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace assay {
namespace {

using Table = std::vector<std::vector<double>>;  ///< [gold][chosen], weights
using Statistic = std::function<double(const Table&)>;

std::vector<ChosenClass> items_of(const std::vector<std::int64_t>& gold,
                                  const std::vector<std::int64_t>& chosen) {
  std::vector<ChosenClass> items;
  for (std::size_t i = 0; i < gold.size(); ++i) items.push_back({gold[i], chosen[i]});
  return items;
}

std::vector<ChosenClass> random_items(std::mt19937& random, std::int64_t classes,
                                      std::int64_t count) {
  std::vector<ChosenClass> items;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto gold = static_cast<std::int64_t>(random() % static_cast<unsigned>(classes));
    const auto other = static_cast<std::int64_t>(random() % static_cast<unsigned>(classes));
    items.push_back({gold, random() % 3 == 0 ? other : gold});
  }
  return items;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Table table_of(const std::vector<ChosenClass>& items, std::size_t classes,
               const std::vector<double>& weights) {
  Table table(classes, std::vector<double>(classes, 0.0));
  for (std::size_t i = 0; i < items.size(); ++i) {
    table[static_cast<std::size_t>(items[i].gold)][static_cast<std::size_t>(items[i].chosen)] +=
        weights[i];
  }
  return table;
}

double row_sum(const Table& table, std::size_t k) {
  return std::accumulate(table[k].begin(), table[k].end(), 0.0);
}
double column_sum(const Table& table, std::size_t k) {
  double sum = 0;
  for (const auto& row : table) sum += row[k];
  return sum;
}

/// Precision and recall, and their harmonic mean.
double naive_f1(const Table& table, std::size_t k) {
  const double gold = row_sum(table, k), chosen = column_sum(table, k), both = table[k][k];
  if (both == 0) return 0;
  const double precision = both / chosen, recall = both / gold;
  return 2 * precision * recall / (precision + recall);
}

double naive_macro_f1(const Table& table) {
  double sum = 0, present = 0;
  for (std::size_t k = 0; k < table.size(); ++k) {
    if (row_sum(table, k) + column_sum(table, k) == 0) continue;
    sum += naive_f1(table, k);
    ++present;
  }
  return sum / present;
}

/// (c s - sum p_k t_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2)), as scikit-learn documents it.
double naive_matthews(const Table& table) {
  double all = 0, right = 0, both = 0, gold = 0, chosen = 0;
  for (std::size_t k = 0; k < table.size(); ++k) {
    const double t = row_sum(table, k), p = column_sum(table, k);
    all += t;
    right += table[k][k];
    both += p * t;
    gold += t * t;
    chosen += p * p;
  }
  return (right * all - both) / std::sqrt((all * all - chosen) * (all * all - gold));
}

/// The values' mean is the statistic, and each value lies from it as the statistic's derivative by
/// the item's weight says.
void expect_influences(const std::vector<ChosenClass>& items, std::size_t classes,
                       const std::vector<double>& values, const Statistic& statistic) {
  std::vector<double> weights(items.size(), 1.0);
  const double whole = statistic(table_of(items, classes, weights));
  ASSERT_EQ(values.size(), items.size());
  EXPECT_NEAR(mean(values), whole, 1e-12);
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < items.size(); ++i) {
    weights[i] = 1 + kStep;
    const double more = statistic(table_of(items, classes, weights));
    weights[i] = 1 - kStep;
    const double less = statistic(table_of(items, classes, weights));
    weights[i] = 1;
    const double slope = (more - less) / (2 * kStep) * static_cast<double>(items.size());
    EXPECT_NEAR(values[i] - whole, slope, 1e-5) << i;
  }
}

TEST(Confusion, ValuesAreTheStatisticsAndTheirInfluences) {
  std::mt19937 random(1);
  for (const std::size_t classes : {2U, 3U, 5U}) {
    const auto count = static_cast<std::int64_t>(classes);
    for (int round = 0; round < 5; ++round) {
      const auto items = random_items(random, count, 30);
      for (std::size_t k = 0; k < classes; ++k) {
        expect_influences(items, classes, f1_values(items, static_cast<std::int64_t>(k)),
                          [k](const Table& table) { return naive_f1(table, k); });
      }
      expect_influences(items, classes, macro_f1_values(items, count), naive_macro_f1);
      expect_influences(items, classes, matthews_values(items, count), naive_matthews);
    }
  }
}

// By hand. `page` and `three` are the examples of scikit-learn's pages on matthews_corrcoef and
// f1_score.
TEST(Confusion, KnownTables) {
  // 2 true positives, 1 true negative, 2 false positives, 1 false negative.
  const auto pairs = items_of({1, 1, 1, 0, 0, 0}, {1, 1, 0, 1, 1, 0});
  EXPECT_NEAR(mean(f1_values(pairs, 1)), 4.0 / 7, 1e-12);
  EXPECT_NEAR(mean(f1_values(pairs, 0)), 2.0 / 5, 1e-12);
  EXPECT_NEAR(mean(matthews_values(pairs, 2)), 0.0, 1e-12);
  const auto page = items_of({1, 1, 1, 0}, {1, 0, 1, 1});
  EXPECT_NEAR(mean(matthews_values(page, 2)), -1.0 / 3, 1e-12);
  const auto three = items_of({0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1});
  EXPECT_NEAR(mean(macro_f1_values(three, 3)), 4.0 / 15, 1e-12);
  // c = 2, s = 6, t = (2, 2, 2), p = (3, 2, 1): (12 - 12) / sqrt(22 * 24).
  EXPECT_NEAR(mean(matthews_values(three, 3)), 0.0, 1e-12);
  // c = 4, s = 6, t = (2, 2, 2), p = (3, 2, 1): 12 / sqrt(22 * 24).
  const auto better = items_of({0, 1, 2, 0, 1, 2}, {0, 1, 2, 0, 0, 1});
  EXPECT_NEAR(mean(matthews_values(better, 3)), 12 / std::sqrt(528.0), 1e-12);
}

TEST(Confusion, WhatIsNotDefinedIsZeroAsInScikitLearn) {
  const auto one_chosen = items_of({0, 1, 1}, {1, 1, 1});
  EXPECT_EQ(matthews_values(one_chosen, 2), std::vector<double>(3, 0.0));
  const auto one_gold = items_of({1, 1, 1}, {1, 0, 1});
  EXPECT_EQ(matthews_values(one_gold, 2), std::vector<double>(3, 0.0));
  const auto no_positive = items_of({0, 0, 0}, {0, 0, 0});
  EXPECT_EQ(f1_values(no_positive, 1), std::vector<double>(3, 0.0));
  EXPECT_NEAR(mean(macro_f1_values(no_positive, 2)), 1.0, 1e-12) << "class 1 appears nowhere";
}

}  // namespace
}  // namespace assay
