#include "harness/tune/tuner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "harness/base/errors.h"
#include "harness/tune/tune_fixture.h"
#include "harness/tune/validation.h"

namespace assay::tune {
namespace {

/// Linear in log N, sparsity and their product, so that a tuner knows all from a part.
double plain_acc(int instances, double sparsity) {
  const double x = std::log(instances);
  return 0.85 - 0.03 * x - 0.05 * sparsity - 0.04 * x * sparsity;
}
double plain_speed(int instances, double sparsity) {
  return 100 * std::exp(0.9 * std::log(instances) + 1.5 * sparsity);
}

Task task_of(const std::vector<ResultRow>& rows) {
  TaskQuery query;
  query.over = {{"mux.instances", 1}, {"cofi.sparsity", 0}};
  return read_task(rows, query, {"acc"}, {"items_per_s"});
}

/// Without every third cell.
std::vector<ResultRow> gappy_grid() {
  std::vector<ResultRow> rows = tune_grid(plain_acc, plain_speed), kept;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if ((i / 3) % 3 != 1) kept.push_back(rows[i]);
  }
  return kept;
}

TEST(Tuner, ChoosesTheLargestGainThatMeetsTheBudgetAlsoAmongWhatNobodyMeasured) {
  const Task task = task_of(gappy_grid());
  const Tuner tuner(task, {{}, {0.7}});
  ASSERT_EQ(tuner.candidates().size(), 4U * 5U);
  for (const double budget : {4.0, 7.0, 12.0, 19.0}) {
    double best = 0;
    for (const Candidate& one : tuner.candidates()) {
      const int n = static_cast<int>(one.at[0]);
      if (plain_acc(n, one.at[1]) * 100 < 85 - budget + 0.05) continue;
      best = std::max(best, plain_speed(n, one.at[1]));
    }
    const auto choices = tuner.choices(budget);
    ASSERT_FALSE(choices.empty());
    EXPECT_NEAR(std::exp(choices[0]->gain.value), best, 0.01 * best) << budget;
  }
}

TEST(Tuner, WithoutAnyCellInTheBudgetThereIsNoChoiceButTheClosest) {
  TaskQuery query;
  query.over = {{"mux.instances", {}},
                {"cofi.sparsity", 0}};  // what is not multiplexed is no choice
  const Task task = read_task(tune_grid(plain_acc, plain_speed), query, {"acc"}, {"items_per_s"});
  EXPECT_EQ(task.cells.size(), 12U);
  const Tuner tuner(task, {});
  EXPECT_TRUE(tuner.choices(1).empty());
  EXPECT_EQ(tuner.closest().at, (std::vector<double>{2, 0}));
  EXPECT_FALSE(tuner.choices(2.5).empty());
}

TEST(Tuner, ProposesWhatMayBeFasterAndNothingThatWasMeasured) {
  const Task task = task_of(gappy_grid());
  const Tuner tuner(task, {});
  // Five instances at 0.8 keep 71.02: faster than 0.6, which was measured.
  const auto next = tuner.next(14, 3);
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(next[0]->at, (std::vector<double>{5, 0.8}));
  for (const Candidate* one : next) EXPECT_EQ(one->measured, nullptr);
  EXPECT_TRUE(tuner.next(30, 3).empty()) << "the fastest of all was measured and is good enough";
}

TEST(Tuner, NoisyQualitiesAreClampedToWhatIsMonotone) {
  std::vector<ResultRow> rows = tune_grid(
      [](int n, double s) { return plain_acc(n, s) + (n == 5 ? 0.05 : 0); }, plain_speed, 0.03);
  const Task task = task_of(rows);
  const Tuner tuner(task, {});
  for (const Candidate& a : tuner.candidates()) {
    for (const Candidate& b : tuner.candidates()) {
      if (a.at[0] <= b.at[0] && a.at[1] <= b.at[1]) {
        EXPECT_GE(a.quality.value, b.quality.value - 1e-9);
        EXPECT_LE(a.gain.value, b.gain.value + 1e-9);
      }
    }
  }
}

TEST(Tuner, WhatMeetsABudgetByLessThanADeviationIsNoChoice) {
  // Not of the model's form, so that it is unsure between the cells.
  const auto bent = [](int n, double s) { return 0.85 - 0.01 * n - 0.1 * s * s * s; };
  const Task task = task_of(tune_grid(bent, plain_speed, 0.02));
  const Tuner tuner(task, {{3, 7}, {0.3, 0.7}});
  int doubtful = 0;
  for (double budget = 1; budget < 15; budget += 0.5) {
    const double floor = tuner.floor_of(budget);
    const auto choices = tuner.choices(budget);
    for (const Candidate& one : tuner.candidates()) {
      const bool chosen = std::ranges::find(choices, &one) != choices.end();
      EXPECT_EQ(chosen, one.quality.value - one.quality.sd >= floor);
      doubtful += one.quality.value >= floor && !chosen ? 1 : 0;
    }
  }
  EXPECT_GT(doubtful, 0);
}

TEST(Tuner, OneCellTellsNothing) {
  std::vector<ResultRow> rows;
  add_setting(rows, 1, 0, 0.85, 100);
  const Task task = task_of(rows);
  EXPECT_THROW(Tuner(task, {}), UserError);
}

TEST(TuneValidation, APartOfAGridThatTheModelKnowsTellsTheRest) {
  const Task task = task_of(tune_grid(plain_acc, plain_speed));
  ValidationOptions options;
  options.draws = 20;
  options.sizes = {8, 12, 16};
  options.budgets = {3.5, 4.2, 6.6, 9.5, 15};  // none that a cell meets exactly
  const std::vector<Trial> trials = validate(task, options);
  ASSERT_EQ(trials.size(), 4U) << "16 cells leave nothing to tell";
  for (const Trial& trial : trials) {
    EXPECT_NEAR(trial.cost_share, static_cast<double>(trial.cells) / 16, 1e-9);
    EXPECT_LT(trial.quality_error, 0.2);
    EXPECT_LT(trial.gain_error, 0.02);
    EXPECT_GT(trial.hit1, 0.9);
    EXPECT_LT(trial.violated, 0.05);
    EXPECT_LT(trial.regret, 0.05);
  }
  EXPECT_EQ(validate(task, options)[0].quality_error, trials[0].quality_error) << "the same draws";
}

/// One cell is left in turn, by lot: the mean error is about that over all cells left one by one.
TEST(TuneValidation, ErrorsAreThoseOfCellsThatWereNotSeen) {
  const auto bent = [](int n, double s) { return 0.85 - 0.01 * n - 0.1 * s * s * s; };
  const Task task = task_of(tune_grid(bent, plain_speed));
  double sum = 0;
  for (std::size_t i = 1; i < task.cells.size(); ++i) {  // the first one is the reference
    Task others = task;
    others.cells.erase(others.cells.begin() + static_cast<std::ptrdiff_t>(i));
    const Tuner tuner(others, {{1, 2, 5, 10}, {0, 0.6, 0.8, 0.9}});
    const auto told = std::ranges::find(tuner.candidates(), task.cells[i].at, &Candidate::at);
    sum += std::abs(told->quality.value - task.cells[i].quality->inner);
  }
  ValidationOptions options;
  options.sizes = {task.cells.size() - 1};
  options.budgets = {5};
  options.draws = 400;
  const double expected = sum / static_cast<double>(task.cells.size() - 1);
  EXPECT_NEAR(validate(task, options)[0].quality_error / expected, 1, 0.4);
}

TEST(TuneValidation, TheBestCellIsTheFastestThatMeetsTheBudget) {
  std::vector<ResultRow> rows;
  add_setting(rows, 1, 0, 0.85, 100);
  add_setting(rows, 2, 0, 0.82, 190);
  add_setting(rows, 5, 0, 0.78, 430);
  const Task task = task_of(rows);
  EXPECT_EQ(best_cell(task, 1)->at[0], 1);
  EXPECT_EQ(best_cell(task, 3)->at[0], 2) << "the edge is inside";
  EXPECT_EQ(best_cell(task, 10)->at[0], 5);
}

}  // namespace
}  // namespace assay::tune
