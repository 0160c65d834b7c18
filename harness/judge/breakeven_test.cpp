// The search on made-up curves whose crossings are known.

#include "harness/judge/breakeven.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

SpeedUp known(double speed_up, double half = 0.01) {
  SpeedUp row;
  row.measured = speed_up;
  row.interval = Interval{speed_up * (1 - half), speed_up * (1 + half)};
  return row;
}

SearchAxis integers(double from, double to) {
  return {.from = from,
          .to = to,
          .integer = true,
          .tolerance = 0,
          .grid = default_grid(from, to, true)};
}

TEST(BreakEvenGrid, PowersOfTwoOrFiveValues) {
  EXPECT_THAT(default_grid(1, 64, true), ElementsAre(1, 2, 4, 8, 16, 32, 64));
  EXPECT_THAT(default_grid(3, 20, true), ElementsAre(3, 4, 8, 16, 20));
  EXPECT_THAT(default_grid(5, 5, true), ElementsAre(5));
  EXPECT_THAT(default_grid(0.1, 0.5, false), ElementsAre(0.1, 0.2, 0.3, 0.4, 0.5));
}

TEST(BreakEvenSearch, ASteadyFallIsBracketedByNeighbours) {
  std::multiset<double> asked;
  const BreakEven found = search_break_even(integers(1, 64), [&](double batch) {
    asked.insert(batch);
    return known(10.5 / batch);
  });
  ASSERT_EQ(found.crossings.size(), 1U);
  EXPECT_EQ(found.crossings[0].from, 10);
  EXPECT_EQ(found.crossings[0].to, 11);
  EXPECT_EQ(found.crossings[0].before, Side::kFaster);
  EXPECT_EQ(found.answer, BreakEvenAnswer::kCrossings);
  EXPECT_FALSE(found.out_of_budget);
  EXPECT_EQ(asked.size(), found.points.size()) << "no value is measured twice";
  EXPECT_EQ(asked.size(), std::set<double>(asked.begin(), asked.end()).size());
  EXPECT_LE(asked.size(), 10U) << "7 of the grid, 3 halvings";
  EXPECT_THAT(break_even_text(found, "batch"), "faster up to batch 10, slower from batch 11");
  EXPECT_EQ(exit_code_of(found), ExitCode::kOk);
}

TEST(BreakEvenSearch, StopsWhereTheIntervalHoldsOne) {
  const BreakEven found =
      search_break_even(integers(1, 64), [](double batch) { return known(10.5 / batch, 0.2); });
  ASSERT_EQ(found.crossings.size(), 1U);
  EXPECT_EQ(found.crossings[0].from, 8);
  EXPECT_EQ(found.crossings[0].to, 16);
  EXPECT_THAT(found.crossings[0].undecided, ElementsAre(12));
  EXPECT_THAT(break_even_text(found, "batch"),
              "faster up to batch 8, slower from batch 16 (open at 12)");
}

TEST(BreakEvenSearch, CurvesMayCrossSeveralTimes) {
  // Faster, slower, faster again: published figures of 4-bit weights by batch look like this.
  const BreakEven found = search_break_even(integers(1, 64), [](double batch) {
    return known(batch < 5 ? 1.3 : batch < 40 ? 0.75 : 1.1);
  });
  ASSERT_EQ(found.crossings.size(), 2U);
  EXPECT_EQ(found.crossings[0].from, 4);
  EXPECT_EQ(found.crossings[0].to, 5);
  EXPECT_EQ(found.crossings[1].from, 39);
  EXPECT_EQ(found.crossings[1].to, 40);
  EXPECT_EQ(found.crossings[1].before, Side::kSlower);
  EXPECT_THAT(break_even_text(found, "batch"),
              HasSubstr("slower up to batch 39, faster from batch 40"));
}

TEST(BreakEvenSearch, RealAxesStopAtTheTolerance) {
  const SearchAxis axis{.from = 0,
                        .to = 0.8,
                        .integer = false,
                        .tolerance = 0.05,
                        .grid = default_grid(0, 0.8, false)};
  const BreakEven found =
      search_break_even(axis, [](double sparsity) { return known(0.52 + sparsity, 0.001); });
  ASSERT_EQ(found.crossings.size(), 1U);
  EXPECT_LE(found.crossings[0].from, 0.48);
  EXPECT_GE(found.crossings[0].to, 0.48);
  EXPECT_LE(found.crossings[0].to - found.crossings[0].from, 0.05 + 1e-9);
  EXPECT_EQ(found.crossings[0].before, Side::kSlower);
}

TEST(BreakEvenSearch, WithoutACrossingItSaysWhichSide) {
  const auto answer = [](double speed_up) {
    return search_break_even(integers(1, 8), [=](double) { return known(speed_up); });
  };
  EXPECT_EQ(answer(1.5).answer, BreakEvenAnswer::kAlwaysFaster);
  EXPECT_EQ(answer(0.5).answer, BreakEvenAnswer::kAlwaysSlower);
  EXPECT_EQ(exit_code_of(answer(0.5)), ExitCode::kOk);
  EXPECT_THAT(break_even_text(answer(0.5), "batch"),
              HasSubstr("never faster at any point tried for batch from 1 to 8"));
  EXPECT_EQ(answer(1.0).answer, BreakEvenAnswer::kUndecided);
  EXPECT_EQ(exit_code_of(answer(1.0)), ExitCode::kAmbiguous);
  EXPECT_EQ(answer(1.5).points.size(), 4U) << "nothing to halve";
}

TEST(BreakEvenSearch, AnUndecidedPointIsNoAnswerOfItsNeighbours) {
  const BreakEven found =
      search_break_even(integers(1, 8), [](double batch) { return known(batch == 8 ? 1.0 : 1.5); });
  EXPECT_EQ(found.answer, BreakEvenAnswer::kUndecided);
  EXPECT_THAT(break_even_text(found, "batch"),
              AllOf(HasSubstr("faster at 1, 2, 4"), HasSubstr("undecided at 8")));
}

TEST(BreakEvenSearch, WhatFailsIsSaid) {
  const auto failing = [](double batch) {
    SpeedUp row = known(1.5);
    if (batch == 8) row = SpeedUp{};
    return row;
  };
  const BreakEven found = search_break_even(integers(1, 8), failing);
  EXPECT_EQ(found.answer, BreakEvenAnswer::kNotMeasured);
  EXPECT_EQ(exit_code_of(found), ExitCode::kNotMeasured);
  EXPECT_THAT(break_even_text(found, "batch"), HasSubstr("not measured at 8"));
  SpeedUp one = known(1.5);
  one.interval.reset();
  EXPECT_EQ(side_of(one), Side::kUndecided) << "a single process decides nothing";
}

TEST(BreakEvenSearch, TheBudgetHolds) {
  SearchAxis axis = integers(1, 1024);
  axis.most_points = 5;
  EXPECT_TRUE(search_break_even(axis, [](double) { return known(2); }).out_of_budget);
  axis = integers(1, 1024);
  axis.grid = {1, 1024};
  axis.most_points = 4;
  const BreakEven found = search_break_even(axis, [](double b) { return known(300.5 / b); });
  EXPECT_EQ(found.points.size(), 4U);
  EXPECT_TRUE(found.out_of_budget);
  EXPECT_EQ(found.crossings.at(0).from, 256);
  EXPECT_EQ(found.crossings.at(0).to, 512);
  EXPECT_THAT(break_even_text(found, "batch"), HasSubstr("--most-points"));
}

TEST(BreakEvenSearch, NoisySearchesSeldomMissTheTruth) {
  // The truth is 12.5; intervals are honest ones of 4 % standard error.
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  int wrong = 0;
  for (int i = 0; i < 500; ++i) {
    const BreakEven found = search_break_even(integers(1, 64), [&](double batch) {
      const double seen = std::log(12.5 / batch) + 0.04 * normal(random);
      SpeedUp row;
      row.measured = std::exp(seen);
      row.interval = Interval{std::exp(seen - 1.96 * 0.04), std::exp(seen + 1.96 * 0.04)};
      return row;
    });
    const bool right = found.crossings.size() == 1 && found.crossings[0].from <= 12.5 &&
                       found.crossings[0].to >= 12.5;
    wrong += right ? 0 : 1;
  }
  RecordProperty("wrong_of_500", wrong);
  EXPECT_LE(wrong, 40);
}

TEST(BreakEvenSearch, RefusesAGridThatIsNone) {
  SearchAxis axis;
  EXPECT_THROW(search_break_even(axis, [](double) { return known(1); }), std::invalid_argument);
  axis.grid = {1, 1};
  EXPECT_THROW(search_break_even(axis, [](double) { return known(1); }), std::invalid_argument);
}

}  // namespace
}  // namespace assay
